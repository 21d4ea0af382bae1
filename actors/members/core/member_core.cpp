#include "actors/members/core/member_core.hpp"
#include "actors/members/core/wire.hpp"
#include <algorithm>
#include <unordered_set>

namespace actord::members {

namespace {

constexpr uint64_t leave_ticket = 1; // the only broadcast that is waited for

void describe_node(member& m, const gossip::node_report& n) {
  m.name = n.name;
  m.at = n.at;
  m.tags = decode_tags(n.meta);
  m.vsn = n.vsn.value_or(gossip::versions{});
}

} // namespace

member_core::member_core(member_options o, lamport_clock& clock, prng& random, outbox& out)
    : options_(std::move(o)), clock_(clock), random_(random), out_(out) {}

const member_core::entry* member_core::find(const node_name& n) const {
  const auto it = members_.find(n);
  return it == members_.end() ? nullptr : &it->second;
}

void member_core::set_status(entry& m, member_status s) {
  alive_ += (s == member_status::alive ? 1 : 0);
  alive_ -= (m.status == member_status::alive ? 1 : 0);
  m.status = s;
}

void member_core::tell(member_change c, entry& m) {
  m.told_leaving = m.status == member_status::leaving;
  out_.push_back(tell_member_event{c, m});
}

// ---- what gossip saw --------------------------------------------------------------------------------------------

void member_core::joined(nanos now, const gossip::node_report& n) {
  auto [it, fresh] = members_.try_emplace(n.name);
  auto& m = it->second;
  describe_node(m, n);
  m.gone_since = nanos{0};
  m.erase_at = nanos{-1};
  set_status(m, member_status::alive);
  bool leaves = std::exchange(m.farewell_at, nanos{-1}) >= std::max(nanos{0}, now - options_.intent_timeout);
  if (fresh) {
    if (const auto i = intents_.find(n.name); i != intents_.end()) {
      m.status_time = i->second.time;
      m.by_hearsay = i->second.by_hearsay;
      leaves = i->second.what == intent::leave;
      intents_.erase(i);
    }
  }
  if (leaves) begin_leaving(now, m, true); // anybody may have said so before it was here to contradict
  tell(member_change::join, m);
}

void member_core::gone(nanos now, const node_name& n) {
  const auto it = members_.find(n);
  if (it == members_.end()) return;
  auto& m = it->second;
  if (m.status != member_status::leaving && m.status != member_status::alive) return;
  const bool on_purpose = m.status == member_status::leaving;
  set_status(m, on_purpose ? member_status::left : member_status::failed);
  m.gone_since = now;
  tell(on_purpose ? member_change::leave : member_change::failed, m);
  if (m.erase_at >= nanos{0} && now >= m.erase_at) erase(n);
}

void member_core::updated(const gossip::node_report& n) {
  const auto it = members_.find(n.name);
  if (it == members_.end()) return;
  describe_node(it->second, n);
  tell(member_change::update, it->second);
}

// ---- what members say -------------------------------------------------------------------------------------------

// Bounded: what does not fit is neither kept nor spread, and the node's push/pull tells it again.
bool member_core::remember(const node_name& n, const recent& r) {
  if (const auto it = intents_.find(n); it != intents_.end()) {
    const bool corrects = r.time == it->second.time && r.what == intent::leave && it->second.by_hearsay;
    if (r.time <= it->second.time && !corrects) return false;
    it->second = r;
    return true;
  }
  if (intents_.size() >= options_.most_intents + 2 * members_.size()) return false;
  intents_.emplace(n, r);
  return true;
}

bool member_core::take(nanos now, const leave_intent& i, heard how) {
  if (!in_reach(clock_, i.time)) return false;
  clock_.witness(i.time);
  const auto it = members_.find(i.node);
  if (it == members_.end()) return remember(i.node, {intent::leave, i.time, now, false});
  auto& m = it->second;
  if (i.time < m.status_time) return false;
  if (i.node == options_.self && phase_ == phase::alive) { // somebody believes that we left
    announce_join(now);
    return false;
  }
  if (i.time == m.status_time && !m.by_hearsay) return false;
  m.status_time = i.time;
  m.by_hearsay = false;
  if (how != heard::by_state && (m.status == member_status::failed || m.status == member_status::left)) m.farewell_at = now;
  if (m.status == member_status::alive) {
    begin_leaving(now, m, how != heard::by_word);
  } else if (m.status == member_status::failed) {
    set_status(m, member_status::left);
    tell(member_change::leave, m);
  } else if (m.status != member_status::leaving && m.status != member_status::left) {
    return false;
  }
  if (i.prune) prune(now, m);
  return true;
}

bool member_core::take(nanos now, const join_intent& i, heard how) {
  if (!in_reach(clock_, i.time)) return false;
  clock_.witness(i.time);
  const auto it = members_.find(i.node);
  if (it == members_.end()) return remember(i.node, {intent::join, i.time, now, how == heard::by_state});
  auto& m = it->second;
  if (i.time <= m.status_time) return false;
  m.status_time = i.time;
  m.by_hearsay = how == heard::by_state;
  stay(m);
  return true;
}

void member_core::begin_leaving(nanos now, entry& m, bool asks) {
  set_status(m, member_status::leaving);
  m.leaving_since = now;
  if (asks && m.name != options_.self) out_.push_back(send_direct{m.at, m.name, encode(leave_intent{m.status_time, m.name, false})}); // who stays says so
}

// It changed its mind, or somebody else had spoken for it: nothing of that is left.
void member_core::stay(entry& m) {
  m.erase_at = m.farewell_at = nanos{-1};
  if (m.status != member_status::leaving) return;
  set_status(m, member_status::alive);
  if (m.told_leaving) tell(member_change::update, m); // a server that had left would be left out by Raft for ever
}

// A member that is still leaving is given the time to be gone first, and one that does not go is not forgotten.
void member_core::prune(nanos now, entry& m) {
  if (m.status != member_status::leaving) return erase(node_name(m.name)); // by value: the entry goes
  m.erase_at = now + options_.broadcast_timeout + options_.leave_propagate_delay;
  next_erase_ = std::min(next_erase_, m.erase_at);
}

void member_core::erase(const node_name& n) {
  auto node = members_.extract(n);
  if (!node) return;
  if (node.mapped().status == member_status::alive) --alive_;
  out_.push_back(forget_coordinate{n});
  tell(member_change::reap, node.mapped());
}

// ---- what is asked for ------------------------------------------------------------------------------------------

void member_core::announce_join(nanos now) {
  if (phase_ != phase::alive) return; // it would take back our farewell, and we would count as failed (serf does not look)
  const join_intent i{clock_.time(), options_.self};
  take(now, i);
  out_.push_back(broadcast{lane::intents, encode(i)});
}

status member_core::leave(nanos now) {
  if (phase_ == phase::left) return {};
  if (phase_ != phase::alive) return error(errc::internal, "Leave already in progress");
  phase_ = phase::announcing_leave;
  const leave_intent i{clock_.time(), options_.self, false};
  clock_.increment();
  take(now, i);
  const auto* us = find(options_.self);
  const size_t others = alive_ - (us != nullptr && us->status == member_status::alive ? 1 : 0);
  leaves_alone_ = others == 0;
  if (leaves_alone_) {
    next_leave_step(now);
    return {};
  }
  leave_ticket_ = leave_ticket;
  phase_until_ = now + options_.broadcast_timeout;
  out_.push_back(broadcast{lane::intents, encode(i), leave_ticket_});
  return {};
}

void member_core::next_leave_step(nanos now) {
  if (phase_ == phase::announcing_leave) {
    phase_ = phase::leaving_gossip;
    phase_until_ = nanos::max(); // gossip has a time-out of its own
    out_.push_back(leave_gossip{});
  } else if (phase_ == phase::leaving_gossip) {
    phase_ = phase::spreading_leave;
    phase_until_ = leaves_alone_ ? now : now + options_.leave_propagate_delay;
    if (leaves_alone_) next_leave_step(now);
  } else if (phase_ == phase::spreading_leave) {
    phase_ = phase::left;
    out_.push_back(tell_left{});
  }
}

void member_core::gossip_left(nanos now) {
  if (phase_ == phase::leaving_gossip) next_leave_step(now);
}

void member_core::broadcast_done(nanos now, uint64_t ticket) {
  if (phase_ == phase::announcing_leave && ticket == leave_ticket_) next_leave_step(now);
}

status member_core::force_leave(nanos now, const node_name& n, bool prune_it) {
  if (members_.find(n) == members_.end()) return error(errc::not_found, "agent: No node found with name '" + n + "'");
  const leave_intent i{clock_.time(), n, prune_it};
  clock_.increment();
  take(now, i);
  out_.push_back(broadcast{lane::intents, encode(i)});
  return {};
}

// ---- time -------------------------------------------------------------------------------------------------------

void member_core::tick(nanos now) {
  if (next_reap_ < nanos{0}) next_reap_ = now + options_.reap_interval;
  if (next_reconnect_ < nanos{0}) next_reconnect_ = now + options_.reconnect_interval;
  if ((phase_ == phase::announcing_leave || phase_ == phase::spreading_leave) && now >= phase_until_) next_leave_step(now);
  if (now >= next_erase_ || now >= next_reap_) reap(now);
  if (now >= next_reap_) next_reap_ = now + options_.reap_interval;
  if (now >= next_reconnect_) {
    next_reconnect_ = now + options_.reconnect_interval;
    if (phase_ == phase::alive) reconnect();
  }
}

nanos member_core::wake_at() const {
  auto at = std::min({next_reap_, next_reconnect_, next_erase_});
  if (phase_ == phase::announcing_leave || phase_ == phase::spreading_leave) at = std::min(at, phase_until_);
  return at;
}

void member_core::reap(nanos now) {
  std::vector<node_name> going, staying;
  next_erase_ = nanos::max();
  for (const auto& [name, m] : members_) {
    if (m.status == member_status::leaving && name != options_.self && now - m.leaving_since > options_.intent_timeout) staying.push_back(name);
    if (m.erase_at >= nanos{0} && now < m.erase_at) next_erase_ = std::min(next_erase_, m.erase_at);
    if (m.erase_at >= nanos{0} && now >= m.erase_at && m.status != member_status::leaving) going.push_back(name);
    else if (m.status == member_status::failed && now - m.gone_since > options_.reconnect_timeout) going.push_back(name);
    else if (m.status == member_status::left && now - m.gone_since > options_.tombstone_timeout) going.push_back(name);
  }
  std::sort(going.begin(), going.end());
  std::sort(staying.begin(), staying.end());
  for (const auto& name : going) erase(name);
  for (const auto& name : staying) { // said to leave long ago, and gossip sees it all the same
    auto& m = members_.at(name);
    m.told_leaving = true; // whoever shows members has seen it
    stay(m);
  }
  std::erase_if(intents_, [&](const auto& i) { return now - i.second.since > options_.intent_timeout; });
}

// Few failed members are tried seldom, so that all survivors together do not storm one that is gone for good.
void member_core::reconnect() {
  std::vector<const entry*> failed;
  size_t there = 0;
  for (const auto& [name, m] : members_) {
    if (m.status == member_status::failed) failed.push_back(&m);
    else if (m.status != member_status::left) ++there;
  }
  if (failed.empty()) return;
  if (!random_.chance(static_cast<double>(failed.size()) / static_cast<double>(std::max<size_t>(1, there)))) return;
  std::sort(failed.begin(), failed.end(), [](const auto* l, const auto* r) { return l->name < r->name; });
  const auto* m = failed[random_.below(failed.size())];
  out_.push_back(rejoin{m->name, m->at});
}

// ---- push/pull --------------------------------------------------------------------------------------------------

void member_core::fill(pool_state& s) const {
  s.member_time = clock_.time();
  for (const auto& [name, m] : members_) {
    // Whoever is leaving as well: told as a join's, the time of its farewell would have those who have not heard that yet refuse it, and
    // it would count as failed. Who reads this adds one.
    const bool leaving = m.status == member_status::leaving;
    s.status_times.emplace(name, m.status_time - (leaving && m.status_time > 0 ? 1 : 0));
    if (leaving || m.status == member_status::left) s.left.push_back(name);
  }
  std::sort(s.left.begin(), s.left.end());
}

// The left ones first, with a time above the one that they left at: a join that is as old must not undo it.
void member_core::merge(nanos now, const pool_state& s, bool asked) {
  if (s.member_time > 0 && (asked || in_reach(clock_, s.member_time))) clock_.witness(s.member_time - 1);
  text_view_set left;
  for (const auto& name : s.left) {
    left.insert(name);
    const auto it = s.status_times.find(name);
    take(now, leave_intent{(it == s.status_times.end() ? 0 : it->second) + 1, name, false}, heard::by_state);
  }
  for (const auto& [name, time] : s.status_times)
    if (!left.contains(name)) take(now, join_intent{time, name}, heard::by_state);
}

} // namespace actord::members
