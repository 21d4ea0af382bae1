// UDP packets of gossip: message -> compound -> compressed if shorter -> CRC -> sealed, and back (actors/gossip/wire.md).
#pragma once
#include "actors/gossip/core/keyring.hpp"
#include "actors/gossip/core/message_size.hpp"
#include "actors/gossip/core/wire.hpp"
#include <span>

namespace actord::gossip {

constexpr size_t packet_limit = 65'507;  // what one UDP datagram can carry
constexpr size_t packet_budget = 1'400;  // what senders fill by default, sealing included

struct packet_options {
  bool compress = true;
  bool crc = false; // the receiver is known and its PMax is at least 5
  bool opening_clear = false;
};

// Parts are encoded messages. One part is a packet by itself, several become a compound. More than compound_parts_max, and parts of
// 64 KiB and more, are left out: use bundle().
std::string make_compound(std::span<const std::string> parts);
// Splits parts over as few compounds as their order allows, each at most `budget` bytes before compression and sealing (a single
// part may be larger). Order is kept.
std::vector<std::string> bundle(std::span<const std::string> parts, size_t budget);
// The datagram of a message or compound. `seal` may be null.
std::string encode_packet(std::string_view body, const packet_options& o, const sealing* seal);

// Bounds on what one datagram may unfold into.
struct packet_bounds {
  size_t expanded = 128 << 10; // bytes out of all its compressed parts together
  size_t messages = 1024;
  int depth = 4;               // compounds and compressed messages inside one another
};

struct packet {
  std::vector<message> messages;
  // Parts that were left out, and why the first of them: malformed, unknown, cut off, beyond a bound.
  size_t dropped = 0;
  std::string why;
};

// An error drops the whole datagram: it does not open, or its CRC is wrong. Time and memory are bounded by the input and `bounds`.
result<packet> decode_packet(std::string_view datagram, const sealing* seal, const packet_bounds& bounds = {});

uint32_t crc32(std::string_view bytes); // IEEE

} // namespace actord::gossip
