// Queries: a question to all members that match its filters, answered straight to the asker and, when asked to, also by way
// of some others. Decides about both ends of it.
#pragma once
#include "actors/members/core/member_core.hpp"
#include "actors/members/core/wire.hpp"
#include <set>

namespace actord::members {

struct query_options {
  address self; // where answers reach us
  size_t query_limit = 1024, response_limit = 1024; // encoded bytes
  nanos gossip_interval = std::chrono::milliseconds(200);
  int64_t timeout_mult = 16;
  nanos longest = std::chrono::hours(1); // others' time-outs are cut to it
  size_t most_pending = 1024;            // queries that wait for our answer, and of ours that run
};

struct query_request {
  std::string name, payload{};
  std::vector<filter> filters{};
  bool want_ack = false;
  uint8_t relay_factor = 0;
  nanos timeout{0}; // 0: what suits the number of members
};

class query_core {
public:
  query_core(query_options o, lamport_clock& clock, const member_core& members, prng& random, outbox& out)
      : options_(std::move(o)), clock_(clock), members_(members), random_(random), out_(out), seen_(event_slots) {}

  void set_address(address self) { options_.self = std::move(self); }

  // ---- asking: answers come out as tell_query_answer with the number that this returns, at the end tell_query_done. Ours is
  // among them when we match. Errors are serf's.
  result<uint64_t> ask(nanos now, query_request q);
  void cancel(uint64_t number); // nothing more comes out, not even its end
  void take(const query_response& r);
  nanos default_timeout() const;

  // ---- being asked; true: not heard before, spread the same bytes
  bool take(nanos now, const query& q);
  // Once for each tell_query, until its deadline. Errors are serf's.
  status answer(nanos now, uint64_t handle, std::string_view payload);
  // For tell_key_request. Keys that do not fit are left out, and the message says so.
  status answer_keys(nanos now, uint64_t handle, key_response r);
  void take(const relay& r);

  void restore(lamport_time last);
  lamport_time last_told() const { return last_told_; } // the newest query that matched us
  void fill(pool_state& s) const { s.query_time = clock_.time(); }
  void merge(const pool_state& s, bool wanted);
  void tick(nanos now);
  nanos wake_at() const;

private:
  struct asked { // a query of ours
    uint64_t number;
    uint32_t id;
    nanos deadline;
    size_t most; // answers that can be honest
    std::set<node_name> acks, answers;
  };
  struct pending { // somebody's, which may still be answered
    lamport_time time;
    uint32_t id;
    address to;
    node_name source;
    uint8_t relay_factor;
    nanos deadline;
  };
  struct heard {
    lamport_time time = 0;
    std::vector<uint32_t> ids;
  };
  bool matches(nanos now, const query& q);
  bool found_in(nanos now, const std::string& expression, const std::string& value);
  bool is_new(const query& q); // and remembers it
  bool may_change_keys(const query& q) const;
  void deliver(nanos now, const query& q, bool is_ours);
  void respond(const pending& p, const query_response& r, std::string bytes);
  void relay_to_some(const pending& p, const std::string& bytes);
  std::string encoded_answer(const pending& p, std::string_view payload) const;
  result<pending> open(nanos now, uint64_t handle) const;

  query_options options_;
  lamport_clock& clock_;
  const member_core& members_;
  prng& random_;
  outbox& out_;
  std::vector<heard> seen_; // by time modulo its size
  lamport_time least_ = 0, last_told_ = 0, keys_changed_ = 0;
  nanos compiling_since_{-1}; // and how much in that second
  size_t compiled_ = 0;
  bool has_met_ = false; // somebody whom we asked how late it is
  std::map<lamport_time, asked> asked_;
  std::map<uint64_t, pending> pending_;
  uint64_t numbered_ = 0;
};

} // namespace actord::members
