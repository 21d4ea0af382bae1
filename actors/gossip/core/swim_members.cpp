// swim_core, who is in which state: actors/gossip/swim.md, Members.
#include "actors/gossip/core/swim_core.hpp"
#include "runtime/base/broken_rule.hpp"
#include <limits>

namespace actord::gossip {

namespace {
constexpr incarnation inc_max = std::numeric_limits<incarnation>::max() - 1;
// No member can have refuted so often since we last heard of it: one forged message must not use up the whole counter, since
// nobody could refute what comes after.
constexpr incarnation leap_max = 1 << 24;
}

// Counters do not wrap: what nobody may claim, nobody has to refute.
bool swim_core::is_sound(const node_name& name, incarnation inc) const {
  if (name.empty() || name.size() > name_max || inc > inc_max) return false;
  const auto* m = members_.find(name);
  // A newcomer takes in whatever the others have come to, when it has asked for it.
  if (m == nullptr) return asked_for_ || inc <= 2 * leap_max;
  return inc <= m->inc || inc - m->inc <= 2 * leap_max;
}

// Whoever restarted begins at 1, and others may remember more of it than anybody would be believed by packet. Only whom we asked may
// say so, and only as much as leaves room for later refutations.
bool swim_core::remembers_us_far_ahead(const node_report& r) {
  if (!is_self(r.name) || leaving_ || r.inc > inc_max - 2 * leap_max || is_sound(r.name, r.inc)) return false;
  refute(*members_.find(self_.name), r.inc, "remembered", {});
  return true;
}

void swim_core::raise_incarnation(incarnation above) {
  own_inc_ = std::max(own_inc_, above);
  if (own_inc_ < inc_max) ++own_inc_;
}

alive swim_core::own_alive(incarnation inc) const { return {inc, self_.name, self_.at, self_.meta, self_.vsn}; }

void swim_core::announce_self() {
  raise_incarnation(0);
  on_alive(own_alive(own_inc_), true);
}

void swim_core::spread(message m, const node_name& subject, uint64_t ticket) {
  const size_t size = size_bound(m);
  auto& queue = is_self(subject) ? about_self_ : about_members_;
  const uint64_t replaced = queue.push(std::move(m), size, subject, ticket);
  if (replaced != 0) settle({replaced}, false);
}

void swim_core::change_state(member& m, node_state to) {
  if (m.state == to) return;
  m.state = to;
  m.changed = now_;
}

void swim_core::forget_suspicion(member& m) {
  if (!m.suspected) return;
  suspicions_.erase({end_of(*m.suspected), m.name});
  m.suspected.reset();
}

bool swim_core::refuses(const alive& a) {
  const bool addressed = (a.at.ip.size() == 4 || a.at.ip.size() == 16) && a.meta.size() <= meta_max;
  // Without versions nobody could check whether it fits in; real agents always send them.
  const bool versioned = a.vsn && (*a.vsn)[1] != 0 && (*a.vsn)[0] <= (*a.vsn)[1];
  if (!is_sound(a.node, a.inc) || !addressed || !versioned) {
    ++figures_.refused;
    return true;
  }
  if (!vetoes_.of_alive) return false;
  const auto why = vetoes_.of_alive(a);
  if (why) log(importance::warning, "ignoring alive message for " + a.node + ": " + *why);
  return why.has_value();
}

// The member that this is about, taken in if need be; null when it may not speak for that name. `moved`: its address
// changes legitimately.
member* swim_core::admit(const alive& a, bool& moved) {
  member* m = members_.find(a.node);
  if (m == nullptr) {
    if (members_.size() >= settings_.members_max && !is_self(a.node)) {
      ++figures_.refused;
      return nullptr;
    }
    m = &members_.insert(a.node);
    members_.move(*m, a.at);
    m->meta = a.meta;
    m->vsn = *a.vsn;
    m->changed = now_;
    ring_.insert(*m, random_);
    return m;
  }
  if (m->at == a.at) return m;
  // A dead one's name is free after a while, and at once for who says the very same of itself, its agent's id among it, and knows of its
  // death: what it said before it died may still be under way.
  const bool same = !a.meta.empty() && a.inc > m->inc && (a.meta == m->meta || (vetoes_.say_the_same && vetoes_.say_the_same(a.meta, m->meta)));
  const bool reclaimable = settings_.dead_node_reclaim_time > nanos(0) && (same || now_ - m->changed > settings_.dead_node_reclaim_time);
  moved = m->state == node_state::left || (m->state == node_state::dead && reclaimable);
  if (moved) return m;
  log(importance::failure, "conflicting address for " + a.node);
  effects_.push_back(tell_conflict{m->report(), {a.node, a.at, a.meta, a.inc, node_state::alive, a.vsn}});
  return nullptr;
}

void swim_core::on_alive(alive a, bool own_announcement, bool has_answered) {
  const bool about_us = is_self(a.node);
  if (about_us && leaving_) return;
  if (!own_announcement && !has_answered && must_wait(a)) return;
  if (!own_announcement && refuses(a)) return;
  bool moved = false;
  member* m = admit(a, moved);
  if (m == nullptr) return;
  if (has_answered) members_.prove(*m);
  if (about_us ? a.inc < m->inc : a.inc <= m->inc && !moved) return;
  forget_suspicion(*m);
  sentences_.erase(m->name);
  if (about_us && !own_announcement) {
    // We may have restarted with other tags and meet what we said before.
    if (a.inc != m->inc || a.meta != m->meta || *a.vsn != m->vsn) refute(*m, a.inc, "alive", {});
    return;
  }
  const bool was_gone = m->is_gone(), retagged = m->meta != a.meta;
  m->vsn = *a.vsn;
  m->inc = a.inc;
  m->meta = a.meta;
  members_.move(*m, a.at);
  change_state(*m, node_state::alive);
  spread(std::move(a), m->name);
  if (was_gone) tell(member_change::joined, *m);
  else if (retagged) tell(member_change::updated, *m);
}

void swim_core::on_suspect(const suspect& s) {
  member* m = members_.find(s.node);
  if (m == nullptr || !is_sound(s.node, s.inc) || s.from.size() > name_max || s.inc < m->inc) return;
  if (m->suspected) {
    const nanos before = end_of(*m->suspected);
    if (!m->suspected->confirm(s.from)) return;
    suspicions_.erase({before, m->name});
    suspicions_.emplace(end_of(*m->suspected), m->name);
    stalled_until_ = now_; // a confirmation may bring the end into the past: that is no stall of ours
    return spread(s, m->name);
  }
  if (m->state != node_state::alive) return;
  if (is_self(s.node)) return refute(*m, s.inc, "suspect", s.from);
  ++figures_.suspected;
  spread(s, m->name);
  // Only its own word takes it far: else a few forged accusations would use up the counter.
  if (!settings_.checks_claims || s.inc - m->inc <= step_max) m->inc = s.inc;
  change_state(*m, node_state::suspect);
  const size_t n = members_.size();
  m->suspected = std::make_unique<suspicion>(s.from, settings_.confirmations(n), settings_.suspicion_min(n),
                                             settings_.suspicion_max(n), now_);
  suspicions_.emplace(end_of(*m->suspected), m->name);
}

// `is_told`: others were told before.
void swim_core::on_dead(const dead& d, bool is_told) {
  member* m = members_.find(d.node);
  if (m == nullptr || !is_sound(d.node, d.inc) || d.from.size() > name_max || d.inc < m->inc) return;
  if (m->is_gone()) return;
  if (is_self(d.node) && !leaving_) return refute(*m, d.inc, "dead", d.from);
  forget_suspicion(*m);
  sentences_.erase(d.node);
  if (!is_told) spread(d, m->name, is_self(d.node) ? leave_ticket : 0);
  if (!settings_.checks_claims || d.inc - m->inc <= step_max) m->inc = d.inc;
  const bool on_purpose = d.node == d.from;
  change_state(*m, on_purpose ? node_state::left : node_state::dead);
  tell(on_purpose ? member_change::left : member_change::failed, *m);
}

void swim_core::refute(member& self, incarnation accused, std::string_view what, const node_name& accuser) {
  if (settings_.checks_claims && accused > own_inc_ && accused - own_inc_ > step_max && !leaps_.take(now_)) return;
  if (broken(rule::accused_refutes)) return;
  ++figures_.refuted;
  raise_incarnation(accused);
  self.inc = own_inc_;
  // To be accused is a sign of being slow.
  awareness_.apply(1);
  log(importance::warning, "refuting " + std::string(what) + " message");
  spread(own_alive(own_inc_), self_.name);
  // At once to who said so, as well: gossip may take long to get there where much else is to be told.
  const auto* a = members_.find(accuser);
  if (settings_.answer_accusers && a != nullptr && !is_self(accuser)) effects_.push_back(send_packet{a->at, a->name, {own_alive(own_inc_)}, a->checks_sums()});
}

void swim_core::serve_suspicions() {
  if (broken(rule::suspects_die)) return suspicions_.clear();
  while (!suspicions_.empty() && suspicions_.begin()->first <= now_) {
    member& m = *members_.find(suspicions_.begin()->second);
    if (settings_.checks_claims) {
      if (seems_alive(m)) acquit(m);
      else hear_suspect(m);
      continue;
    }
    declare_dead({m.inc, m.name, self_.name}, m.suspected->confirmed());
  }
}

void swim_core::declare_dead(const dead& verdict, size_t confirmed) {
  ++figures_.declared_dead;
  log(importance::notice, "marking " + verdict.node + " as failed, suspect timeout reached (" + std::to_string(confirmed) + " peer confirmations)");
  on_dead(verdict);
}

} // namespace actord::gossip
