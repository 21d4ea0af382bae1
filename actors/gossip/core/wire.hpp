// The bytes of single gossip messages (memberlist's, actors/gossip/wire.md). Every message begins with its type byte.
// Packets (packet.hpp) and streams (stream.hpp) are made of them.
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/error.hpp"
#include <string_view>

namespace actord::gossip {

enum class wire_tag : uint8_t { // on the wire
  ping = 0, indirect_ping = 1, ack = 2, suspect = 3, alive = 4, dead = 5,
  push_pull = 6, // streams
  compound = 7,  // packets
  user = 8,
  compress = 9,
  encrypt = 10,  // streams
  nack = 11,
  crc = 12,      // packets, outermost
  failure = 13,  // streams
};

// Of what comes in. Real agents stay far below; meta is theirs, too.
constexpr size_t name_limit = 512, meta_limit = 512, failure_limit = 4096;

std::string encode(const message& m);
// One message that is neither compound, compressed, encrypted nor a push/pull. Errors are errc::corrupt; errc::unsupported for an
// unknown type byte. Bytes after the message's end are ignored. Linear in the input.
result<message> decode(std::string_view bytes);

// The compressed form of a message, type byte included; its LZW bytes may be opened with the clear code.
std::string encode_compressed(std::string_view plain, bool opening_clear = false);
// What is inside, at most `limit` bytes; `bytes` begin with the type byte.
result<std::string> decode_compressed(std::string_view bytes, size_t limit);

// Parts of streams: the pieces of a push/pull after its type byte, and the header of a user message.
struct push_pull_header {
  bool join = false;
  int64_t nodes = 0;
  int64_t user_state_size = 0;
};
struct user_header {
  int64_t size = 0;
};
void encode_header(std::string& out, const push_pull_header& h);
void encode_header(std::string& out, const user_header& h);
void encode_report(std::string& out, const node_report& n);
result<push_pull_header> decode_push_pull_header(std::string_view bytes);
result<user_header> decode_user_header(std::string_view bytes);
result<node_report> decode_report(std::string_view bytes);

} // namespace actord::gossip
