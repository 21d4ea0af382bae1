// User events: told once to everybody who is there, however often they are heard. What was heard lately is kept by Lamport
// time, for push/pull and to know it again.
#pragma once
#include "actors/members/core/types.hpp"
#include "actors/members/core/wire.hpp"

namespace actord::members {

struct event_options {
  size_t size_limit = 512; // bytes of a user event of ours, encoded
  // Bounds on what others can make us keep.
  size_t events_per_time = 256;
  size_t kept_bytes = 8 << 20;
};

class event_core {
public:
  event_core(event_options o, lamport_clock& clock, outbox& out) : options_(o), clock_(clock), out_(out), ring_(event_slots) {}

  // Tells everybody, ourselves too. Errors are serf's.
  status fire(std::string name, std::string payload, bool coalesce);
  bool take(const user_event& e); // true: not heard before; spread the same bytes
  void restore(lamport_time last); // what a snapshot says was seen: that and all before is old
  lamport_time last_told() const { return last_told_; } // the newest event that came out

  void fill(pool_state& s) const;
  // `ignore_old`: this is a join, and what happened before it does not concern us.
  // `asked`: by us; else it moves the clock little.
  void merge(const pool_state& s, bool ignore_old, bool asked);

private:
  event_options options_;
  lamport_clock& clock_;
  outbox& out_;
  std::vector<recent_events> ring_; // by time modulo its size; time 0 and no events: empty
  size_t kept_ = 0;                 // bytes of them
  lamport_time least_ = 0;          // older ones are ignored
  lamport_time last_told_ = 0;
};

} // namespace actord::members
