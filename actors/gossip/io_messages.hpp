// Between the actor of a pool and what does its I/O: the UDP reader's thread and the broker of its streams. For this folder only.
#pragma once
#include "actors/gossip/packet_port.hpp"
#include "actors/messages/port_messages.hpp"

namespace actord::gossip {

struct packets_arrived {
  std::vector<datagram> packets;
};
struct names_resolved { // of a pool_join
  uint64_t join = 0;
  size_t which = 0; // of its addresses
  result<std::vector<std::string>> addresses = std::vector<std::string>{}; // "ip:port"
};
struct pool_ticked { // own timer
  uint64_t generation = 0;
};

// ---- to the broker. Numbers of streams that we dial are below accepted_bit and never used again.
constexpr uint64_t accepted_bit = uint64_t{1} << 63;
struct stream_dial {
  uint64_t id = 0;
  std::string address; // "ip:port"
  std::string first;   // bytes to write once it is connected
};
struct stream_write { // then close it for writing; the other side closes, or stream_close does
  uint64_t id = 0;
  std::string bytes;
};
struct stream_taken { // somebody has connected to our port
  std::shared_ptr<descriptor> socket;
};
struct stream_close {
  uint64_t id = 0;
};
// ---- from the broker
struct stream_accepted {
  uint64_t id = 0;
  address from;
};
struct stream_bytes {
  uint64_t id = 0;
  uint8_t source = 0; // for the stream_backlog
  std::string bytes;
};
// How a stream ended: the own host could not even try, the other one said that nobody listens, or it was open.
enum class stream_end : uint8_t { not_dialled, refused, after_connecting };
struct stream_ended { // not after stream_close
  uint64_t id = 0;
  stream_end how = stream_end::after_connecting;
};

} // namespace actord::gossip

ACTORD_LOCAL_MESSAGE(actord::gossip::packets_arrived)
ACTORD_LOCAL_MESSAGE(actord::gossip::names_resolved)
ACTORD_LOCAL_MESSAGE(actord::gossip::pool_ticked)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_dial)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_write)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_taken)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_close)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_accepted)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_bytes)
ACTORD_LOCAL_MESSAGE(actord::gossip::stream_ended)
