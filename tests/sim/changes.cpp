// Who belongs to the cluster, and how that changes under fire: servers are bootstrapped, added as learners, promoted,
// removed and replaced, by leaders that have only begun as much as by settled ones. Some requests break the rules of a
// change on purpose; an honest core turns them down.
#include "tests/sim/world.hpp"

namespace actord::sim {

namespace {

constexpr size_t caught_up = 20; // entries behind

template <class T> T take_one(std::vector<T>& from, prng& random) {
  const auto at = from.begin() + static_cast<std::ptrdiff_t>(random.below(from.size()));
  T out = std::move(*at);
  from.erase(at);
  return out;
}

} // namespace

// Draws how this run's cluster comes into being. Spare servers know of no cluster until a leader speaks to them.
void world::draw_bootstrap() {
  size_t first = options_.nodes;
  // Configurations of even size are where hasty changes hurt: two that add or remove another server each need not have
  // a server in common.
  if (options_.faults->change > 0 && random_.chance(0.5)) first = random_.between(2, options_.nodes + 1);
  if (options_.faults->hasty) first = (options_.nodes + 1) / 2 * 2;
  for (uint32_t n = 0; n < first; ++n) initial_.voters.push_back(servers_[n].name);
  bootstrapped_ = options_.faults->change == 0;
  if (bootstrapped_) return;
  switch (random_.below(3)) {
  case 0: bootstrapped_ = true; return; // the configuration is handed in at the start
  case 1: return;                       // several servers find one another, each bootstraps the same
  default: initial_.voters.resize(1);   // one bootstraps itself, changes bring in the others
  }
}

void world::schedule_bootstrap(uint32_t n) {
  if (bootstrapped_ || !initial_.is_voter(servers_[n].name)) return;
  schedule(random_.between(1, 100), at(event_kind::bootstrap, n));
}

raft::membership world::draw_change(const raft::raft_core& core) {
  raft::membership next = core.members();
  std::vector<server_id> outside;
  for (const auto& s : servers_) {
    if (!next.contains(s.name)) outside.push_back(s.name);
  }
  const auto remove_voter = [&] {
    if (next.voters.size() > (random_.chance(0.2) ? 1U : 2U)) outside.push_back(take_one(next.voters, random_));
  };
  const auto add_voter = [&] {
    if (!next.learners.empty() && random_.chance(0.5)) return next.voters.push_back(take_one(next.learners, random_));
    if (!outside.empty()) next.voters.push_back(take_one(outside, random_));
  };
  if (options_.faults->hasty && random_.chance(0.8)) {
    // Back and forth between an even and an odd size.
    next.voters.size() % 2 == 0 && next.voters.size() > 2 ? remove_voter() : add_voter();
    return next;
  }
  const uint64_t dice = random_.below(100);
  if (dice < 30) {
    if (!outside.empty()) next.learners.push_back(take_one(outside, random_));
  } else if (dice < 35) {
    add_voter(); // without waiting for it to catch up: slow, not wrong
  } else if (dice < 55) {
    for (auto it = next.learners.begin(); it != next.learners.end(); ++it) {
      const auto* p = core.progress_of(*it);
      if (!p || p->match.v + caught_up < core.last_index().v) continue;
      next.voters.push_back(*it);
      next.learners.erase(it);
      break;
    }
  } else if (dice < 76) {
    remove_voter();
  } else if (dice < 80) {
    if (next.voters.size() > 2) next.learners.push_back(take_one(next.voters, random_));
  } else if (dice < 83) {
    if (!next.learners.empty()) take_one(next.learners, random_);
  } else if (dice < 87) {
    next.addresses[core.self()] = std::to_string(random_.below(100));
  } else if (dice < 91) { // the rest asks for two voters at once
    add_voter();
    remove_voter();
  } else if (dice < 96) {
    add_voter();
    add_voter();
  } else {
    remove_voter();
    remove_voter();
  }
  return next;
}

// A leader that has only begun is the one that a change can hurt, most of all when part of the others have not heard of it.
void world::tempt_new_leader(uint32_t n) {
  if (!load_ || !random_.chance(change_after_election_)) return;
  if (random_.chance(change_fault_)) cut_links(cut_both_ways, n);
  schedule(random_.chance(0.5) ? 0 : random_.below(60), at(event_kind::change, n));
}

void world::change_members(uint32_t n) {
  server& s = servers_[n];
  if (!load_ || !s.core || s.paused_until > time_.now()) return;
  // Every now and then a second one follows at once: it must wait for the first.
  for (int more = random_.chance(0.2) ? 2 : 1; more > 0 && s.core->is_leader(); --more) {
    const bool begun = s.core->change_membership(draw_change(*s.core), change_cookie).v > 0;
    // Changes hurt when few have heard of them before somebody else leads.
    if (begun && random_.chance(change_fault_)) cut_links(random_.chance(0.5) ? cut_leader : cut_both_ways, n);
    perform_effects(n);
  }
}

// The cluster's members agree with their one leader; what the others hold does not matter.
const raft::raft_core* world::settled_leader() const {
  const server* leads = nullptr;
  for (const auto& s : servers_) {
    if (!s.core || !s.core->is_leader()) continue;
    if (leads) return nullptr;
    leads = &s;
  }
  if (!leads) return nullptr;
  for (const auto& s : servers_) {
    if (!leads->core->members().contains(s.name)) continue;
    if (!s.core || !s.store.idle() || s.applied != leads->applied || s.core->last_index() != s.applied ||
        s.core->members() != leads->core->members())
      return nullptr;
  }
  return leads->applied >= checks_.highest_commit() ? leads->core.get() : nullptr;
}

} // namespace actord::sim
