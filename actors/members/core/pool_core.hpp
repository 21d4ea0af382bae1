// Serf's layer of one pool: takes what gossip saw and heard, says what is to be done. Puts together members, user events and
// queries, and itself runs two kinds of queries: operations on all members' keyrings, and who is meant by our name.
#pragma once
#include "actors/members/core/event_core.hpp"
#include "actors/members/core/member_core.hpp"
#include "actors/members/core/query_core.hpp"

namespace actord::members {

struct pool_options {
  member_options members;
  event_options events;
  query_options queries;
  bool ignore_old_on_join = true;      // events from before a join of ours
  bool resolve_name_conflicts = false; // ask the members, and end when they mean somebody else
};

// What a snapshot file keeps of the clocks.
struct clock_times {
  lamport_time member = 0, event = 0, query = 0;
  bool operator==(const clock_times&) const = default;
};

class pool_core {
public:
  // Nothing of `queries.self` is known before gossip listens; set_address() tells it.
  pool_core(pool_options o, prng random);
  pool_core(const pool_core&) = delete;

  void set_address(address self) { queries_.set_address(std::move(self)); }
  // Before anything else, with what the snapshot file says; not at all when there is none.
  void restore(const clock_times& last);

  // ---- facts from gossip
  void joined(nanos now, const gossip::node_report& n) { members_.joined(now, n); }
  void updated(const gossip::node_report& n) { members_.updated(n); }
  void gone(nanos now, const node_name& n) { members_.gone(now, n); }
  void conflict(nanos now, const gossip::node_report& known, const gossip::node_report& claimant);
  // The body of a user message. Malformed ones are dropped, which write_log mentions. Anybody can say that a live member leaves: when it
  // does not come from a member's address, or is about to make us forget it, its subject is asked.
  void deliver(nanos now, std::string_view body, bool from_member = true);
  // Our part of a push/pull, and the other side's. `join`: it was made to join, by whoever. `asked`: we have asked somebody else for it.
  std::string state() const;
  void merge(nanos now, std::string_view user_state, bool join, bool asked);
  void broadcast_done(nanos now, uint64_t ticket) { members_.broadcast_done(now, ticket); }
  void gossip_left(nanos now) { members_.gossip_left(now); }

  // ---- what is asked for
  void announce_join(nanos now) { members_.announce_join(now); }
  status leave(nanos now) { return members_.leave(now); }
  status force_leave(nanos now, const node_name& n, bool prune) { return members_.force_leave(now, n, prune); }
  status fire(std::string name, std::string payload, bool coalesce) { return events_.fire(std::move(name), std::move(payload), coalesce); }
  result<uint64_t> ask(nanos now, query_request q) { return queries_.ask(now, std::move(q)); }
  void cancel(uint64_t query) { queries_.cancel(query); }
  status answer(nanos now, uint64_t handle, std::string_view payload) { return queries_.answer(now, handle, payload); }
  status answer_keys(nanos now, uint64_t handle, key_response r) { return queries_.answer_keys(now, handle, std::move(r)); }
  // On all members; ends with tell_key_outcome. `key`: raw bytes, empty for list.
  result<uint64_t> operate_keys(nanos now, key_operation what, std::string_view key, uint8_t relay_factor = 0);

  void tick(nanos now);
  nanos wake_at() const; // when tick() is due next

  // ---- effects, in the order in which they came about
  outbox drain();

  const member_core& members() const { return members_; }
  clock_times clocks() const { return {member_clock_.time() - 1, events_.last_told(), queries_.last_told()}; }
  clock_times lamport_times() const { return {member_clock_.time(), event_clock_.time(), query_clock_.time()}; }
  nanos default_query_timeout() const { return queries_.default_timeout(); }

private:
  struct vote { // who is meant by our name
    address ours;
    size_t matching = 0, answers = 0;
  };
  using tally = std::variant<key_outcome, vote>;
  bool count(const tell_query_answer& a); // true: it was for a query of this class
  bool finish(uint64_t query);
  void count_keys(uint64_t query, key_outcome& t, const tell_query_answer& a);

  pool_options options_;
  prng random_;
  outbox out_;
  lamport_clock member_clock_, event_clock_, query_clock_;
  member_core members_;
  event_core events_;
  query_core queries_;
  std::map<uint64_t, tally> tallies_;
};

} // namespace actord::members
