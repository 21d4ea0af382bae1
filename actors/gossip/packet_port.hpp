// What carries the packets of a pool: in production the sockets of its port (datagram_socket), in a simulation the simulated network.
#pragma once
#include "actors/gossip/core/types.hpp"
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace actord::gossip {

struct datagram {
  std::string bytes;
  address with; // where it came from, or goes to
};

class packet_port {
public:
  using sink = std::function<void(std::vector<datagram>)>; // called in the reader's thread, as is
  struct connection_sink { // this one
    std::function<void(int fd)> take; // the descriptor is the sink's then
    std::function<bool()> has_room;   // false: those who connect wait
  };

  virtual ~packet_port() = default; // nothing is handed out any more
  virtual uint16_t port() const = 0;
  // Once. taken() is called for each batch that was handed out, when it has been dealt with. The listener, if any, is ours from now on.
  virtual void start(sink to, int listener = -1, connection_sink accepted = {}) = 0;
  virtual void taken(const std::vector<datagram>& done) = 0;
  // Never waits: what is not taken is dropped, as the network would. Returns how many were sent.
  virtual size_t send(std::span<const datagram> out) = 0;
  // Packets that nobody took in time.
  virtual uint64_t dropped() const = 0;
};

} // namespace actord::gossip
