// Decides who is a member of a pool in which status, by what gossip sees (alive or not) and what members say (intents to
// join and to leave, ordered by Lamport time); when members are forgotten, and when a failed one is tried again.
// Facts go in as calls with a steady time, effects go to an outbox that outlives the core.
#pragma once
#include "actors/members/core/types.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include <unordered_map>

namespace actord::members {

struct member_options {
  node_name self;
  nanos reap_interval = std::chrono::seconds(15);
  nanos reconnect_interval = std::chrono::seconds(30);
  nanos reconnect_timeout = std::chrono::hours(72); // failed members are kept so long
  nanos tombstone_timeout = std::chrono::hours(24); // left ones
  nanos intent_timeout = std::chrono::minutes(5);   // intents of nodes that never came, or never left
  nanos broadcast_timeout = std::chrono::seconds(5);
  nanos leave_propagate_delay = std::chrono::seconds(3);
  size_t most_intents = 4096; // of unknown nodes, beside twice the number of members
};

class member_core {
public:
  enum class phase : uint8_t { alive, announcing_leave, leaving_gossip, spreading_leave, left };

  member_core(member_options o, lamport_clock& clock, prng& random, outbox& out);

  // ---- what gossip saw
  void joined(nanos now, const gossip::node_report& n);
  void gone(nanos now, const node_name& n); // failed or left
  void updated(const gossip::node_report& n);

  // ---- what members say; true: not heard before, spread the same bytes. Unless a farewell is its own, its subject is asked when it is here.
  enum class heard : uint8_t { by_word, by_doubtful_word, by_state }; // the last: another's state, in which the time of a farewell may look like a join's
  bool take(nanos now, const leave_intent& m, heard how = heard::by_word);
  bool take(nanos now, const join_intent& m, heard how = heard::by_word);

  // ---- what is asked for
  void announce_join(nanos now); // a join has succeeded
  // Leaves in steps: the intent is told, then leave_gossip, then gossip_left(), then a while, then tell_left. Errors are the
  // reference's.
  status leave(nanos now);
  void gossip_left(nanos now);
  // Makes a failed member a left one in the whole pool; with prune it is forgotten at once. errc::not_found for nobody we know.
  status force_leave(nanos now, const node_name& n, bool prune);

  // ---- time, and broadcasts with a ticket of ours
  void broadcast_done(nanos now, uint64_t ticket);
  void tick(nanos now);
  nanos wake_at() const; // when tick() is due next

  // ---- push/pull
  void fill(pool_state& s) const;
  void merge(nanos now, const pool_state& s, bool asked = true); // by us: else it moves the clock little

  // ---- views
  struct entry : member {
    lamport_time status_time = 0;
    bool by_hearsay = false; // by another's state, as a join's
    nanos gone_since{0}; // when left or failed
    nanos leaving_since{0};
    bool told_leaving = false; // by the last event
    nanos farewell_at{-1}; // heard while it was gone: its news may overtake that it is back
    nanos erase_at{-1};  // pruned while leaving: when gone, but not before this
  };
  const text_map<entry>& all() const { return members_; }
  const entry* find(const node_name& n) const;
  size_t alive() const { return alive_; } // status alive, ourselves included
  phase now_in() const { return phase_; }
  const node_name& self() const { return options_.self; }

private:
  enum class intent : uint8_t { join, leave };
  struct recent { // the newest intent of a node that we do not know yet
    intent what;
    lamport_time time;
    nanos since;
    bool by_hearsay;
  };
  bool remember(const node_name& n, const recent& r);
  void set_status(entry& m, member_status s);
  void prune(nanos now, entry& m);
  void begin_leaving(nanos now, entry& m, bool asks);
  void stay(entry& m);
  void erase(const node_name& n);
  void tell(member_change c, entry& m);
  void next_leave_step(nanos now);
  void reap(nanos now);
  void reconnect();

  member_options options_;
  lamport_clock& clock_;
  prng& random_;
  outbox& out_;
  text_map<entry> members_;
  text_map<recent> intents_;
  size_t alive_ = 0;
  phase phase_ = phase::alive;
  uint64_t leave_ticket_ = 0;
  bool leaves_alone_ = false; // nobody is there who could hear it
  nanos phase_until_{0}, next_reap_{-1}, next_reconnect_{-1}, next_erase_ = nanos::max();
};

} // namespace actord::members
