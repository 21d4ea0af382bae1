// The members of a pool, and what they tell each other beyond being alive (serf's layer, actors/members/serf.md), decoded.
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/duration.hpp"
#include "runtime/base/fields.hpp"
#include <map>

namespace actord::members {

using gossip::address;
using gossip::node_name;
using lamport_time = uint64_t;
using tag_table = std::map<std::string, std::string>;

// Orders what has no common clock. A time that was witnessed is in the past from then on.
class lamport_clock {
public:
  lamport_time time() const { return time_; }
  lamport_time increment() { return ++time_; }
  void witness(lamport_time seen) {
    if (seen >= time_) time_ = seen + 1;
  }

private:
  lamport_time time_ = 1;
};

enum class member_status : uint8_t { none, alive, leaving, left, failed }; // the numbers are the wire's

struct member {
  node_name name;
  address at;
  tag_table tags;
  member_status status = member_status::none;
  gossip::versions vsn{}; // PMin, PMax, PCur, DMin, DMax, DCur
  bool operator==(const member&) const = default;
};

struct leave_intent {
  lamport_time time = 0;
  node_name node;
  bool prune = false; // forget it at once
  bool operator==(const leave_intent&) const = default;
};
struct join_intent {
  lamport_time time = 0;
  node_name node;
  bool operator==(const join_intent&) const = default;
};
struct user_event {
  lamport_time time = 0;
  std::string name, payload;
  bool coalesce = false;
  bool operator==(const user_event&) const = default;
};

enum query_flag : uint32_t { query_wants_ack = 1, query_not_spread = 2, answer_is_ack = 1 };

struct query {
  lamport_time time = 0;
  uint32_t id = 0;
  address at{}; // where answers go
  node_name source{};
  string_slice filters{}; // encoded; all must match
  uint32_t flags = 0;
  uint8_t relay_factor = 0;
  int64_t timeout_ns = 0;
  std::string name{}, payload{};
  bool operator==(const query&) const = default;
};
struct query_response {
  lamport_time time = 0; // the query's, as is its id
  uint32_t id = 0;
  node_name from;
  uint32_t flags = 0;
  std::string payload;
  bool ack() const { return (flags & answer_is_ack) != 0; }
  bool operator==(const query_response&) const = default;
};
struct relay { // hand `inner` on, as it is
  address to;
  std::string zone;
  node_name node;
  std::string inner;
  bool operator==(const relay&) const = default;
};

using serf_message = std::variant<leave_intent, join_intent, user_event, query, query_response, relay>;

struct node_filter { // the node's name is one of these
  std::vector<std::string> names;
  bool operator==(const node_filter&) const = default;
};
struct tag_filter { // the expression (RE2) is found in the tag's value; a missing tag is empty
  std::string tag, expression;
  bool operator==(const tag_filter&) const = default;
};
using filter = std::variant<node_filter, tag_filter>;

// What two nodes tell each other about this layer in a push/pull.
struct recent_event {
  std::string name, payload;
  bool operator==(const recent_event&) const = default;
};
struct recent_events { // all of one Lamport time
  lamport_time time = 0;
  std::vector<recent_event> events;
  bool operator==(const recent_events&) const = default;
};
struct pool_state {
  lamport_time member_time = 0, event_time = 0, query_time = 0;
  std::map<std::string, lamport_time> status_times{}; // of every member
  std::vector<std::string> left{};
  std::vector<recent_events> events{};
  bool operator==(const pool_state&) const = default;
};

enum class key_operation : uint8_t { list, install, use, remove };
struct key_response {
  bool ok = false;
  std::string why{}; // also beside success
  string_slice keys{}; // base64, primary first
  std::string primary{};
  bool operator==(const key_response&) const = default;
};

// What came of a key operation in the whole pool.
struct key_outcome {
  size_t nodes = 0, answers = 0, failures = 0;
  std::map<node_name, std::string> messages;
  std::map<std::string, size_t> keys, primaries; // how many nodes have each
  std::string error; // "" when all of them did it
};

// ---- effects --------------------------------------------------------------------------------------------------

enum class lane : uint8_t { intents, queries, events }; // of broadcasts, in their order of precedence
struct broadcast { // to be gossiped as a user message; ticket 0: nobody waits
  lane by = lane::intents;
  std::string bytes;
  uint64_t ticket = 0;
};
struct send_direct { // one UDP user message
  address to;
  node_name node;
  std::string bytes;
};
enum class member_change : uint8_t { join, leave, failed, update, reap };
struct tell_member_event {
  member_change change = member_change::join;
  member who;
};
struct tell_user_event {
  user_event event;
};
// Answer with pool_core::answer() before `deadline`.
struct tell_query {
  uint64_t handle = 0;
  std::string name, payload;
  node_name source;
  nanos deadline{0};
};
// Do it to the keyring and call pool_core::answer_keys(), for list with all keys.
struct tell_key_request {
  uint64_t handle = 0;
  key_operation operation = key_operation::list;
  std::string key; // raw bytes
};
struct tell_query_answer {
  uint64_t query = 0;
  node_name from;
  bool ack = false;
  std::string payload;
};
struct tell_query_done {
  uint64_t query = 0;
  size_t acks = 0, answers = 0;
};
struct tell_key_outcome {
  uint64_t query = 0;
  key_outcome outcome;
};
// Push/pull as if joining with a failed member: it may be back.
struct rejoin {
  node_name node;
  address at;
};
struct forget_coordinate {
  node_name node;
};
struct leave_gossip {}; // then call pool_core::gossip_left()
struct tell_left {};    // leaving is over
struct tell_name_lost { // most others know somebody else by our name: the agent must end
  size_t matching = 0, answers = 0;
};
struct write_log {
  bool warning = false;
  std::string text;
};

using effect = std::variant<broadcast, send_direct, tell_member_event, tell_user_event, tell_query, tell_key_request,
                            tell_query_answer, tell_query_done, tell_key_outcome, rejoin, forget_coordinate, leave_gossip,
                            tell_left, tell_name_lost, write_log>;
using outbox = std::vector<effect>;

} // namespace actord::members
