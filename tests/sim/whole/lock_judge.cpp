#include "tests/sim/whole/lock_judge.hpp"
#include "storage/command/own_commands.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord::sim::whole {

namespace {

constexpr int ttl_multiplier = 2;     // of actors/session: a TTL is a promise of the least time
constexpr double slowest_clock = 0.97;

nanos ttl_of(const session_record& s) {
  const auto ttl = parse_duration(s.ttl);
  return ttl ? *ttl : nanos(0);
}
double in_ms(nanos d) { return static_cast<double>(d.count()) / 1e6; }
nanos passed(const moment& since, const moment& at, uint32_t slot) { return nanos(at.clocks[slot] - since.clocks[slot]); }

} // namespace

void lock_judge::committed(uint64_t index, uint64_t term, std::string_view bytes, const moment& at) {
  if (!bytes.empty()) command(index, term, bytes, at);
  seen_ = index;
  while (!unseen_.empty() && unseen_.begin()->first <= index) {
    compare(unseen_.begin()->first, unseen_.begin()->second);
    unseen_.erase(unseen_.begin());
  }
}

void lock_judge::command(uint64_t index, uint64_t term, std::string_view bytes, const moment& at) {
  const auto body = bytes.substr(1);
  const auto kind = static_cast<command_kind>(bytes[0]);
  if (kind == lock_delay_reap) return delays_reaped(body, term, at);
  if (kind == command_kind::kv) return key_command(body, index, term, at);
  if (kind == command_kind::catalog_register) {
    register_request r;
    if (from_msgpack(body, r)) nodes_.insert(r.node);
    return;
  }
  if (kind != command_kind::session) return;
  session_request r;
  if (!from_msgpack(body, r)) return fail_(fmt::format("sessions: entry {} is malformed", index));
  if (r.op == session_create) return made(body, at);
  const auto s = sessions_.find(r.session.id);
  if (s == sessions_.end()) return;
  if (r.token != client_mark) judge_expiry(s->first, s->second, term, at);
  ended(r.session.id, index, term, at);
}

void lock_judge::made(std::string_view body, const moment& at) {
  session_request r;
  if (!from_msgpack(body, r) || !nodes_.contains(r.session.node)) return;
  session s;
  s.ttl = ttl_of(r.session);
  s.delay = r.session.lock_delay;
  s.deletes = r.session.behavior == session_behavior_delete;
  s.since = at;
  s.asked = at.now;
  sessions_[r.session.id] = std::move(s);
  ++counts.sessions;
}

// Only the leader ends a session, and not before it had twice its TTL: since it was made, renewed, and since that one led.
void lock_judge::judge_expiry(const std::string& id, const session& s, uint64_t term, const moment& at) {
  ++counts.expired;
  const auto leads = leaders_.find(term);
  if (leads == leaders_.end()) return;
  const auto slot = leads->second.slot;
  const auto had = std::min(passed(s.since, at, slot), passed(leads->second.since, at, slot));
  if (had < ttl_multiplier * s.ttl)
    fail_(fmt::format("sessions: {} ended {:.0f} ms after it was made, renewed, or its leader elected; its TTL is {:.0f} ms", id, in_ms(had), in_ms(s.ttl)));
}

void lock_judge::ended(const std::string& id, uint64_t index, uint64_t term, const moment& at) {
  const auto s = sessions_.find(id);
  for (auto& key : s->second.held) {
    holders_[key].clear();
    if (s->second.delay.count() > 0) delays_[key] = {s->second.delay, index, term, 0, at};
  }
  sessions_.erase(s);
}

void lock_judge::key_command(std::string_view body, uint64_t index, uint64_t term, const moment& at) {
  kv_request r;
  if (!from_msgpack(body, r) || (r.op != kv_lock && r.op != kv_unlock)) return;
  lock_result out{r.entry.key, r.entry.session, false, 0, {}};
  auto& holder = holders_[r.entry.key];
  const auto s = sessions_.find(r.entry.session);
  if (r.op == kv_unlock) {
    out.done = s != sessions_.end() && holder == r.entry.session;
    if (out.done) s->second.held.erase(r.entry.key), holder.clear();
  } else if (s != sessions_.end()) {
    out.done = holder.empty() || holder == r.entry.session;
    if (holder.empty()) {
      acquired(out, term, at);
      holder = r.entry.session;
      s->second.held.insert(r.entry.key);
    }
  }
  results_[index] = std::move(out);
}

// The leader looks before it proposes, by its own clock, from when it applied the session's end. What was asked for before
// that is not delayed.
void lock_judge::acquired(lock_result& r, uint64_t term, const moment& at) {
  ++counts.acquired;
  const auto d = delays_.find(r.key);
  if (d == delays_.end()) return;
  const auto leads = leaders_.find(term);
  if (leads != leaders_.end()) {
    ++counts.delayed;
    const auto had = passed(d->second.since, at, leads->second.slot);
    if (had < d->second.length) {
      r.why = fmt::format("lock delay: {} is acquired {:.0f} ms after its holder's session ended; {:.0f} ms are its delay", r.key, in_ms(had), in_ms(d->second.length));
      if (term > d->second.term) fail_(r.why); // who leads since then has applied the end, or lets locks wait
      else r.due_from = d->second.applied;
    }
  }
  delays_.erase(d);
}

void lock_judge::delays_reaped(std::string_view body, uint64_t term, const moment& at) {
  lock_delay_request r;
  if (!from_msgpack(body, r)) return fail_("lock delay: a malformed command is in the log");
  const auto leads = leaders_.find(term);
  for (auto& e : r.ended) {
    const auto d = delays_.find(e.key);
    if (d == delays_.end() || d->second.index > e.index) continue;
    const auto had = leads == leaders_.end() ? d->second.length : passed(d->second.since, at, leads->second.slot);
    if (had < d->second.length) fail_(fmt::format("lock delay: that of {} is lifted after {:.0f} ms of {:.0f}", e.key, in_ms(had), in_ms(d->second.length)));
    delays_.erase(d);
    ++counts.lifted;
  }
}

void lock_judge::applied(uint32_t slot, uint64_t upto, uint64_t now) {
  for (auto& [key, d] : delays_) {
    if (d.applied != 0 || d.index > upto) continue;
    const auto leads = leaders_.find(d.term);
    if (leads != leaders_.end() && leads->second.slot == slot) d.applied = now;
  }
}

void lock_judge::renewed(const std::string& id, const moment& sent, uint64_t term, const moment& answered) {
  const auto s = sessions_.find(id);
  const auto leads = leaders_.find(term);
  if (s == sessions_.end() || leads == leaders_.end()) return;
  // Its end may be on its way.
  if (passed(s->second.since, answered, leads->second.slot) >= ttl_multiplier * s->second.ttl) return;
  s->second.since = sent;
  ++counts.renewed;
}

void lock_judge::asked(const std::string& id, uint64_t now) {
  if (const auto s = sessions_.find(id); s != sessions_.end()) s->second.asked = now;
}

void lock_judge::told(uint64_t index, std::string_view key, const std::string& id, bool done, uint64_t sent) {
  answer a{std::string(key), id, done, sent};
  if (index <= seen_) compare(index, a);
  else unseen_.emplace(index, std::move(a));
}

void lock_judge::compare(uint64_t index, const answer& a) {
  const auto r = results_.find(index);
  if (r == results_.end() || r->second.key != a.key || r->second.session != a.session)
    return fail_(fmt::format("locks: {} was told of entry {}, which is no command of it", a.session, index));
  if (r->second.done != a.done) return fail_(fmt::format("locks: {} was told {} of {} at entry {}, and it is not so", a.session, a.done, a.key, index));
  if (r->second.due_from != 0 && a.sent >= r->second.due_from) fail_(r->second.why);
}

std::string lock_judge::outlived(uint64_t now, uint64_t calm, uint64_t slack) const {
  for (auto& [id, s] : sessions_) {
    const auto base = std::max({calm, s.asked, s.since.now});
    const auto most = static_cast<uint64_t>(static_cast<double>(ttl_multiplier * s.ttl.count()) / 1000 / slowest_clock) + slack;
    if (now > base + most) return fmt::format("{} is there {} ms after anybody asked for it; its TTL is {:.0f} ms", id, (now - base) / 1000, in_ms(s.ttl));
  }
  return {};
}

std::set<std::string> lock_judge::sessions() const {
  std::set<std::string> out;
  for (auto& [id, s] : sessions_) out.insert(id);
  return out;
}

std::set<std::string> lock_judge::keys() const {
  std::set<std::string> out;
  for (auto& [key, holder] : holders_) out.insert(key);
  return out;
}

const std::string& lock_judge::holder_of(const std::string& key) const {
  static const std::string nobody;
  const auto at = holders_.find(key);
  return at == holders_.end() ? nobody : at->second;
}

} // namespace actord::sim::whole
