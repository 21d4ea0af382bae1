// Bytes of Raft messages between servers. A body is a sequence of fields: a varint key (field number * 2 + kind), then
// for kind 0 a varint value, for kind 1 a varint length and that many bytes. Fields at their zero value are left out;
// unknown field numbers are skipped, so that a newer server may say more than an older one understands. Field numbers
// are only appended, never reused; tests/golden/raft_wire holds bytes that must decode for ever.
// Framing (the length before a body, the versioned hello) belongs to the connection.
#pragma once
#include "actors/raft/core/types.hpp"

namespace actord::raft {

// Bounds on what a peer may make this server hold. A body over max_message_bytes is refused before it is looked at.
struct wire_limits {
  size_t max_message_bytes = 64 << 20;
  size_t max_entries = 1 << 16;
  size_t max_id_bytes = 256;
  size_t max_members = 1024; // of each list of a configuration
  size_t max_address_bytes = 1024;
};

// Appends the body to `out`. Entry cookies are not sent.
void encode(const message& m, std::string& out);

// Errors are errc::corrupt with what did not parse. Costs time and memory linear in the input.
result<message> decode(std::string_view body, const wire_limits& limits = {});

// A configuration: the payload of an entry of kind membership, and the field of an install_snapshot.
void encode(const membership& m, std::string& out);
result<membership> decode_membership(std::string_view body, const wire_limits& limits = {});

} // namespace actord::raft
