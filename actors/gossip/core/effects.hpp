// What the gossip core wants done. Carried out in the order in which they are drained.
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/duration.hpp"

namespace actord::gossip {

using stream_id = uint64_t; // names an exchange over a stream; given by whoever begins it

// One UDP packet: a single message as it is, several as a compound.
struct send_packet {
  address to;
  node_name node;     // whom it is for, "" when only the address is known
  std::vector<message> messages;
  bool checksum = false; // the receiver is known to understand the CRC
};
// Connect, send our state, read theirs; then push_pull_answered or push_pull_failed with the same id. The layer above
// adds its own part to state.user_state.
struct open_push_pull {
  stream_id id = 0;
  address to;
  push_pull state;
};
// Our state, for whoever sent theirs over the stream `id`. Goes out even when theirs will be refused.
struct answer_push_pull {
  stream_id id = 0;
  push_pull state;
};
// Ping over a stream; then tcp_ping_ended with the same number, at the deadline at the latest.
struct send_tcp_ping {
  address to;
  ping what;
  nanos deadline{0};
};

enum class member_change : uint8_t { joined, left, failed, updated };
struct tell_member {
  member_change change = member_change::joined;
  node_report node; // as it is now
};
// Somebody at another address claims the name of a member that is not gone.
struct tell_conflict {
  node_report known, claimant;
};
// A message of the layer above has come in, by packet or by stream.
struct tell_user {
  std::string body;
  address from;
  bool from_member = false; // somebody whom we know lives there
};
// A push/pull is over. Without an error the states are merged, and user_state is the other side's.
struct tell_push_pull {
  stream_id id = 0;
  bool join = false, begun_here = false, met_others = false; // met: begun here, and somebody else than us was there
  address with; // as dialled, or where the stream came from
  std::string error; // "" when it went well
  std::string user_state;
};
// A direct probe was answered in time: material for network coordinates.
struct tell_round_trip {
  node_name node;
  nanos rtt{0};
  std::string payload; // the other side's, in its ack
};
// A broadcast of the layer above left the queue: sent as often as it should be, or (false) pushed out by newer ones.
struct tell_broadcast_done {
  uint64_t ticket = 0;
  bool sent = true;
};
// leave() is over. False: the others may not know, the time was up.
struct tell_left {
  bool told_others = true;
};
// The own process did not run for this long beyond what it had asked for.
struct tell_stall {
  nanos lag{0};
};
enum class importance : uint8_t { detail, notice, warning, failure };
struct write_log {
  importance level = importance::notice;
  std::string text;
};

using effect = std::variant<send_packet, open_push_pull, answer_push_pull, send_tcp_ping, tell_member, tell_conflict,
                            tell_user, tell_push_pull, tell_round_trip, tell_broadcast_done, tell_left, tell_stall,
                            write_log>;

} // namespace actord::gossip
