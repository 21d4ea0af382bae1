// Clients that hold locks: each has a session, renews it, takes keys with it and gives them back, and now and then forgets it
// without a word. What the front of a server does for them is done here with the same messages.
#include "storage/command/commands.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/session.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/send.hpp>
#include <fmt/format.h>

namespace actord::sim::whole {

namespace {

std::string lock_name(uint64_t n) { return "lock-" + std::to_string(n); }
std::string node_of(uint32_t holder) { return "holder-" + std::to_string(holder); }

} // namespace

moment world::this_moment() const {
  moment m;
  m.now = now();
  for (size_t n = 0; n < most_servers; ++n) m.clocks[n] = std::chrono::duration_cast<nanos>(local_time(servers_[n]).time_since_epoch()).count();
  return m;
}

// The term of the one server that believes to lead, when that is the newest there is.
uint64_t world::only_leader() const {
  uint64_t believers = 0, term = 0;
  for (auto& s : servers_)
    if (s.up && s.up->status->leader.load()) ++believers, term = s.up->status->term.load();
  return believers == 1 && !leaders_.empty() && leaders_.rbegin()->first == term ? term : 0;
}

lock_call world::draw_lock_step(uint32_t holder) {
  auto& h = holders_[holder];
  lock_call c;
  c.holder = holder;
  c.key = lock_name(random_.below(lock_count));
  const auto dice = load_ ? random_.below(100) : 50; // in the closing round: hold everything, and go on
  if (!h.entered) c.what = lock_step::enter;
  else if (h.session.empty() || !h.made) c.what = lock_step::create;
  else if (now() >= h.renew_at) c.what = lock_step::renew;
  else if (dice < 6) c.what = lock_step::destroy;
  else if (dice < 20 && !h.held.empty()) c.what = lock_step::release, c.key = *h.held.begin();
  else {
    c.what = lock_step::acquire;
    for (uint64_t n = 0; n < lock_count && !load_; ++n)
      if (!h.held.contains(lock_name(n))) c.key = lock_name(n);
  }
  if (c.what == lock_step::create && h.session.empty()) {
    h.session = fmt::format("{:08x}-{:04x}-4000-8000-{:012x}", holder, ++h.sessions, options_.seed & 0xffffffffffff);
    h.ttl = std::chrono::milliseconds(random_.between(600, random_.chance(0.5) ? 1200 : 4000));
  }
  c.session = h.session;
  return c;
}

std::string world::lock_command(lock_call& c, uint64_t number) {
  const auto& h = holders_[c.holder];
  session_request of_session;
  of_session.datacenter = "dc1";
  of_session.token = lock_judge::client_mark;
  of_session.session.id = c.session;
  switch (c.what) {
  case lock_step::enter: {
    register_request r;
    r.datacenter = "dc1";
    r.node = node_of(c.holder);
    r.address = "10.1.0." + std::to_string(number % 250); // so that each is another one
    r.token = std::to_string(number);
    return encode_command(command_kind::catalog_register, r);
  }
  case lock_step::create: {
    auto& r = of_session;
    r.op = session_create;
    r.session.name = std::to_string(number);
    r.session.node = node_of(c.holder);
    r.session.ttl = format_duration(h.ttl);
    r.session.behavior = random_.chance(0.7) ? session_behavior_release : session_behavior_delete;
    if (random_.chance(0.7)) r.session.lock_delay = std::chrono::milliseconds(random_.between(100, 4000));
    return encode_command(command_kind::session, r);
  }
  case lock_step::renew: return encode_command(command_kind::session_renew, session_renewal{c.session});
  case lock_step::acquire: return encode_kv_command(kv_lock, c.key, std::to_string(number), 0, 0, c.session);
  case lock_step::release: return encode_kv_command(kv_unlock, c.key, std::to_string(number), 0, 0, c.session);
  case lock_step::destroy:
    of_session.op = session_destroy;
    return encode_command(command_kind::session, of_session);
  }
  return {};
}

void world::start_lock_step(uint32_t holder) {
  auto& h = holders_[holder];
  if (h.running != 0) return;
  if (!load_ && holder != 0) return;
  if (!load_ && h.held.size() == lock_count && now() < h.renew_at) // and no more is written, so that the servers come to rest
    return schedule(h.renew_at - now(), "lock client", 0, [this, holder] { start_lock_step(holder); });
  if (load_ && h.made && random_.chance(0.03)) { // it dies, and another one begins
    h.session.clear();
    h.made = false;
    h.held.clear();
  }
  const auto number = lock_calls_.size() + 1;
  auto& c = lock_calls_.emplace_back(draw_lock_step(holder));
  c.command = lock_command(c, number);
  c.slot = load_ ? leader_or_any() : any_started();
  h.running = number;
  const auto slot = c.slot;
  schedule(random_.between(50, 3 * ms), "lock request", slot, [this, number, slot] {
    auto& s = servers_[slot];
    if (!s.up) return finish_lock_step(number, true, false);
    visit(slot, s.life, "lock request", [this, number](node& n) {
      auto& call = lock_calls_[number - 1];
      if (call.settled) return;
      call.life = n.plan.life;
      call.sent = this_moment();
      call.term = only_leader();
      if (call.what == lock_step::renew) lock_judge_.asked(call.session, now());
      proposals p;
      p.batch.push_back({first_lock_call + number, call.command});
      p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
      caf::anon_send(n.raft, std::move(p));
    });
  });
  schedule(random_.between(1 * second, 12 * second), "lock client gives up", slot, [this, number] { give_up_lock_step(number); });
}

void world::lock_settled(node& at, uint64_t number, const apply_result& r) {
  number -= first_lock_call;
  auto& c = lock_calls_[number - 1];
  if (c.life != at.plan.life || c.slot != at.plan.slot) return fail("a lock client's request is answered that was not asked, or twice");
  if (r.failure.code == errc::unknown_outcome) return finish_lock_step(number, false, false);
  if (r.failure.code == errc::none) lock_told(c, r);
  finish_lock_step(number, true, r.failure.code == errc::none && r.value);
}

void world::lock_told(const lock_call& c, const apply_result& r) {
  if (c.what == lock_step::renew) {
    if (!r.value) return;
    const auto term = only_leader();
    if (term == 0 || term != c.term) return; // one that does not lead any more may have answered
    const auto& leader = servers_[leaders_.at(term).slot];
    if (leader.up && leader.hung_until <= now() && !leader.up->session_waits()) lock_judge_.renewed(c.session, c.sent, term, this_moment());
    return;
  }
  const bool of_key = c.what == lock_step::acquire || c.what == lock_step::release;
  if (of_key && r.index == 0) return void(++result_.refused_for_delay); // the leader's word: nothing is written
  note_ack(c.slot, c.command, r);
  if (of_key) lock_judge_.told(r.index, c.key, c.session, r.value, c.sent.now);
}

void world::finish_lock_step(uint64_t number, bool known, bool done) {
  auto& call = lock_calls_[number - 1];
  call.life = 0;
  schedule(random_.between(50, 3 * ms), "lock answered", call.slot, [this, number, known, done] {
    auto& c = lock_calls_[number - 1];
    if (c.settled) return;
    if (!known) return give_up_lock_step(number);
    c.settled = true;
    auto& h = holders_[c.holder];
    h.running = 0;
    const bool current = h.session == c.session;
    if (c.what == lock_step::enter) h.entered = done;
    if (c.what == lock_step::create && current) h.made = done;
    if (done && current && (c.what == lock_step::create || c.what == lock_step::renew))
      h.renew_at = now() + static_cast<uint64_t>(h.ttl.count() / 1000) * random_.between(30, 100) / 100;
    if (done && current && c.what == lock_step::acquire) h.held.insert(c.key);
    if (done && current && c.what == lock_step::release) h.held.erase(c.key);
    // Refused: it is gone, or it could not be asked.
    const bool lost = c.what == lock_step::destroy || (c.what == lock_step::renew && !done);
    if (lost && current) h.session.clear(), h.made = false, h.held.clear();
    schedule(random_.between(5, load_ ? 400 : 100) * ms, "lock client", 0, [this, holder = c.holder] { start_lock_step(holder); });
  });
}

void world::give_up_lock_step(uint64_t number) {
  auto& c = lock_calls_[number - 1];
  if (c.settled) return;
  c.settled = true;
  auto& h = holders_[c.holder];
  h.running = 0;
  h.held.erase(c.key); // or not: it is asked for again
  // It may be there or not: whoever goes on with another one leaves this one to its TTL.
  if (c.what == lock_step::create || c.what == lock_step::destroy) h.session.clear(), h.made = false, h.held.clear();
  schedule(random_.between(1, 300) * ms, "lock client", 0, [this, holder = c.holder] { start_lock_step(holder); });
}

// Everything was mended: all but one client are heard of no more, and that one has to get every lock.
void world::abandon_locks() {
  for (uint32_t h = 0; h < holder_count; ++h) {
    if (h != 0) holders_[h].session.clear();
    else if (holders_[h].running == 0) schedule(10 * ms, "lock client", 0, [this, h] { start_lock_step(h); });
  }
}

bool world::locks_rest(std::string& why) {
  const uint64_t calm = leaders_.empty() ? writable_at_ : std::max(writable_at_, leaders_.rbegin()->second.since.now);
  // Ends that were refused are tried again after a time that doubles; where one command at a time is taken, of many at once.
  const uint64_t slack = (drawn_.options.max_uncommitted_bytes < 1000 ? 60 : 16) * second;
  if (writable_at_ != never)
    if (auto who = lock_judge_.outlived(now(), calm, slack); !who.empty()) fail("liveness: a session " + who);
  for (auto& c : lock_calls_)
    if (c.life != 0 && servers_[c.slot].up && servers_[c.slot].life == c.life) return why = fmt::format("a lock client was never answered by {}", servers_[c.slot].hello.name), false;
  const auto& keeper = holders_[0].session;
  for (auto& id : lock_judge_.sessions())
    if (id != keeper) return why = "sessions that nobody renews are there", false;
  for (uint64_t n = 0; n < lock_count; ++n)
    if (keeper.empty() || lock_judge_.holder_of(lock_name(n)) != keeper) return why = "locks that nobody has cannot be had", false;
  return true;
}

// What every server shows of sessions and locks is what the log says.
void world::judge_locks() {
  const auto sessions = lock_judge_.sessions();
  for (auto& s : servers_) {
    if (!s.up) continue;
    auto view = s.up->views->open();
    query_meta meta;
    std::set<std::string> there;
    for (auto& one : view.sessions("", meta)) there.insert(one.id);
    if (there != sessions) return fail(fmt::format("same state: {} shows {} sessions, the log says {}", s.hello.name, there.size(), sessions.size()));
    for (auto& key : lock_judge_.keys()) {
      kv_entry found;
      const bool present = view.kv_get(key, found, meta);
      if ((present ? found.session : "") != lock_judge_.holder_of(key)) return fail(fmt::format("same state: at {} {} is held by \"{}\", the log says \"{}\"", s.hello.name, key, found.session, lock_judge_.holder_of(key)));
    }
  }
}

} // namespace actord::sim::whole
