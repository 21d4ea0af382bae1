// Who the servers are: hellos, forming a cluster (bootstrap_expect), and changes of its configuration.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include <algorithm>

namespace actord {

namespace {
constexpr auto look_interval = std::chrono::seconds(1);
constexpr auto foreign_interval = std::chrono::minutes(1); // between two lines about the same one
constexpr auto aside_interval = std::chrono::seconds(10); // between two hand-overs of the same server
constexpr unsigned max_late_ticks = 10;                   // a late one counts two, one in time takes one away
constexpr auto remembered = std::chrono::seconds(60); // servers outside of the configuration, after their connection went
constexpr size_t max_strangers = 64;                  // who say hello and have not been reached where they say they are
} // namespace

void raft_state::messages(peer_messages& m) {
  for (auto& one : m.messages) {
    if (is_foreign(one.from)) continue;
    if (one.from == core_->leader()) status_->leader_heard.store(std::chrono::duration_cast<nanos>(clock_now().time_since_epoch()).count(), std::memory_order_relaxed);
    core_->step(std::move(one));
  }
  perform_effects();
}

// Whoever comes to us may be anybody. It counts once it was reached at the address that it gives.
void raft_state::said(peer_said& s) {
  if (s.hello.id.empty() || s.hello.id == core_->self()) return;
  if (!s.reached && !seen_.contains(s.hello.id) && !core_->members().contains(s.hello.id)) {
    const auto strangers = std::count_if(seen_.begin(), seen_.end(), [](auto& other) { return !other.second.connected; });
    if (static_cast<size_t>(strangers) >= max_strangers) return;
  }
  auto& seen = seen_[s.hello.id];
  const bool fresh = s.reached && !seen.connected && !core_->members().contains(s.hello.id);
  if (s.reached && !seen.connected) comparisons_.met();
  if (!s.reached && seen.connected) { // it says the same where it was reached, if it is itself
    if (seen.hello.address == s.hello.address) return;
    seen.offered = std::move(s.hello.address);
    seen.offered_at = clock_now();
    return want_peers();
  }
  seen.connected = s.reached;
  if (s.reached) seen.offered.clear();
  seen.hello = std::move(s.hello);
  seen.since = clock_now();
  note_levels();
  note_clusters();
  if (fresh) log::info("agent.server", "Found another server: server={} address={}", seen.hello.name, seen.hello.address);
  say_hello();
  want_peers();
  maybe_bootstrap();
  retry_held();
  perform_effects();
}

void raft_state::lost(const peer_lost& l) {
  auto at = seen_.find(l.id);
  if (at == seen_.end()) return;
  at->second.connected = false;
  at->second.since = clock_now();
}

void raft_state::say_hello() {
  if (!peers_) return;
  server_hello h = setup_.hello;
  h.bootstrapped = core_->is_recovering() || core_->last_index().v > 0 || !core_->members().voters.empty();
  h.known[h.id] = h.address;
  for (auto& [id, seen] : seen_)
    if (seen.connected) h.known[id] = seen.hello.address;
  for (auto& [id, address] : core_->members().addresses) h.known.try_emplace(id, address);
  h.members = core_->members().voters;
  h.members.insert(h.members.end(), core_->members().learners.begin(), core_->members().learners.end());
  if (h == said_) return;
  said_ = h;
  self_->send(peers_, peers_say{std::move(h)});
}

// Where gossip says that they are now. One that came back elsewhere is looked for there.
void raft_state::found(servers_found& f) {
  std::vector<server_found_at> next;
  for (auto& server : f.servers) {
    const auto known = std::find_if(found_.begin(), found_.end(), [&](auto& other) { return other.server == server; });
    next.push_back({server, known == found_.end() ? clock_now() : known->since});
  }
  found_ = std::move(next);
  note_levels();
  if (!peers_) return;
  want_peers();
  perform_effects();
}

// Whoever leaves says so by gossip while it is still connected; it is not taken in again.
bool raft_state::has_left(const server_id& id) const {
  bool left = false;
  for (auto& f : found_) {
    if (f.server.id != id) continue;
    if (!f.server.left) return false;
    left = true;
  }
  return left;
}

void raft_state::note_clusters() {
  const auto& ours = core_->members();
  for (auto& [id, seen] : seen_) seen.foreign = raft::is_of_another_cluster(ours, seen.hello.members) && !broken(rule::clusters_stay_apart);
}

bool raft_state::is_foreign(const server_id& id) const {
  const auto seen = seen_.find(id);
  return seen != seen_.end() && seen->second.foreign;
}

void raft_state::tell_of_foreign(server_seen& seen, clock::time_point now) {
  if (seen.foreign_told != clock::time_point{} && now - seen.foreign_told < foreign_interval) return;
  seen.foreign_told = now;
  const auto& h = seen.hello;
  if (h.members.size() == 1 && core_->members().voters.size() == 1 && !setup_.options.members.empty())
    log::err("agent.server", "Two nodes are in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer.: node_to_add={} other={}", h.name, setup_.hello.name);
  log::warn("agent.server",
            "a server has the log of another cluster and is not added to this one; to move it here stop it, remove raft/ and state/ from its data_dir, which loses what only it has, and "
            "start it without -bootstrap-expect: server={} address={}",
            h.name, h.address);
}

// Connections go to the servers of the configuration, to those that were met lately, to those that they know, and to those that
// gossip has found. Of two addresses of one server that counts at which it is connected, else the one that was heard of last.
void raft_state::want_peers() {
  if (!peers_) return;
  std::map<server_id, std::string> ids;
  for (auto& [id, address] : core_->members().addresses) ids[id] = address;
  const auto now = clock_now();
  std::erase_if(seen_, [&](auto& s) { return !s.second.connected && !core_->members().contains(s.first) && now - s.second.since > remembered; });
  for (auto& [id, seen] : seen_)
    if (!seen.hello.address.empty()) ids[id] = seen.hello.address;
  for (auto& [id, seen] : seen_)
    if (seen.connected)
      for (auto& [other, address] : seen.hello.known) ids.try_emplace(other, address);
  for (auto& [f, since] : found_) {
    auto seen = seen_.find(f.id);
    if (f.left) continue;
    const bool newest = seen == seen_.end() || (!seen->second.connected && seen->second.since < since);
    if (f.alive && newest) ids[f.id] = f.address;
    else ids.try_emplace(f.id, f.address);
  }
  ids.erase(core_->self());
  std::vector<std::pair<server_id, std::string>> wanted(ids.begin(), ids.end());
  // Who speaks in a server's name may be anybody: what it gives as the address is tried beside the one that counts, and counts once that server answers there.
  for (auto& [id, seen] : seen_) {
    if (now - seen.offered_at > remembered) seen.offered.clear();
    const auto at = ids.find(id);
    if (at == ids.end()) continue;
    if (!seen.offered.empty() && seen.offered != at->second) wanted.emplace_back(server_id(), seen.offered);
    const auto configured = core_->members().addresses.find(id);
    if (!seen.connected && configured != core_->members().addresses.end() && configured->second != at->second) wanted.emplace_back(server_id(), configured->second);
  }
  if (wanted == wanted_) return;
  wanted_ = wanted;
  self_->send(peers_, peers_wanted{std::move(wanted)});
}

// All servers that were told to expect as many must see the same ones before any of them counts votes (README, Decisions).
void raft_state::maybe_bootstrap() {
  if (setup_.hello.bootstrap_expect < 2 || setup_.hello.non_voter || said_.bootstrapped) return;
  raft::membership first;
  first.voters.push_back(core_->self());
  first.addresses[core_->self()] = setup_.hello.address;
  for (auto& [id, seen] : seen_) {
    auto& h = seen.hello;
    if (h.bootstrapped) return; // there is a cluster already: it takes us in
    if (!seen.connected || h.non_voter) continue;
    if (h.bootstrap_expect != setup_.hello.bootstrap_expect) {
      if (h.bootstrap_expect != 0) log::err("agent.server", "Member has a conflicting expect value. All nodes should expect the same number: member={} expect={}", h.name, h.bootstrap_expect);
      return;
    }
    first.voters.push_back(id);
    first.addresses[id] = h.address;
  }
  if (first.voters.size() < static_cast<size_t>(setup_.hello.bootstrap_expect)) return;
  for (auto& [id, seen] : seen_)
    for (auto& voter : first.voters)
      if (first.addresses.contains(id) && !seen.hello.known.contains(voter)) return; // it has not met all of them yet
  std::sort(first.voters.begin(), first.voters.end());
  log::info("agent.server", "Found expected number of peers, attempting bootstrap: peers={}", first.voters.size());
  core_->bootstrap(std::move(first));
  note_members();
}

// ---- changes -------------------------------------------------------------------------------------------------------

// The leader takes in servers that say hello: as learners first, which autopilot makes voters once they are stable.
void raft_state::look_after_members() {
  const auto now = clock_now();
  if (!peers_ || now - looked_after_ < look_interval) return;
  looked_after_ = now;
  want_peers();
  if (!status_->leader.load()) return;
  const auto& members = core_->members();
  static auto& contact = telemetry::sample("raft.leader.lastContact");
  for (auto& id : members.voters)
    if (auto* p = core_->progress_of(id); id != core_->self() && p && p->heard_tick > 0)
      contact.record(static_cast<double>((core_->now_ticks() - p->heard_tick) * static_cast<uint64_t>(setup_.tick.count())));
  if (auto own = members.addresses.find(core_->self()); own != members.addresses.end() && own->second != setup_.hello.address && members.is_voter(core_->self())) {
    start_change({membership_change::kind::add_voter, core_->self(), setup_.hello.address}, {}); // we came back elsewhere
    return perform_effects();
  }
  for (auto& [id, seen] : seen_) {
    if (!seen.connected || has_left(id)) continue;
    if (seen.foreign) {
      tell_of_foreign(seen, now);
      continue;
    }
    auto at = members.addresses.find(id);
    if (members.contains(id) && at != members.addresses.end() && at->second == seen.hello.address) continue;
    if (!members.contains(id) && is_too_old(id, seen.hello)) continue;
    membership_change c;
    c.id = id;
    c.address = seen.hello.address;
    c.what = members.is_voter(id) ? membership_change::kind::add_voter : membership_change::kind::add_learner;
    for (auto& [other, address] : members.addresses)
      if (other != id && address == c.address && members.contains(other)) c = {membership_change::kind::remove, other, ""}; // replaced
    if (!members.contains(id)) log::info("agent.server", "Adding a server to the configuration: server={} address={}", seen.hello.name, seen.hello.address);
    start_change(c, {});
    return perform_effects(); // one at a time
  }
}

result<raft::membership> raft_state::changed(const membership_change& c) const {
  raft::membership next = core_->members();
  std::string id = c.id;
  if (id.empty())
    for (auto& [other, address] : next.addresses)
      if (address == c.address) id = other;
  const bool there = next.contains(id);
  std::erase(next.voters, id);
  std::erase(next.learners, id);
  switch (c.what) {
  case membership_change::kind::remove:
    if (!there) return error{errc::internal, c.id.empty() ? "address \"" + c.address + "\" was not found in the Raft configuration" : "id \"" + c.id + "\" was not found in the Raft configuration"};
    next.addresses.erase(id);
    return next;
  case membership_change::kind::add_voter: next.voters.push_back(id); break;
  case membership_change::kind::add_learner: next.learners.push_back(id); break;
  default: return error{errc::bad_request, "unknown change of the configuration"};
  }
  std::sort(next.voters.begin(), next.voters.end());
  std::sort(next.learners.begin(), next.learners.end());
  if (!c.address.empty()) next.addresses[id] = c.address;
  return next;
}

void raft_state::start_change(const membership_change& c, origin o) {
  o.since = clock_now();
  auto next = changed(c);
  if (!next || *next == core_->members()) {
    apply_result r;
    r.index = core_->members_index().v;
    if (!next) r.failure = next.err();
    return finish(o, std::move(r));
  }
  const auto cookie = next_cookie_++;
  origins_.emplace(cookie, std::move(o));
  core_->change_membership(std::move(*next), cookie);
}

caf::result<apply_outcome> raft_state::change(membership_change& c) {
  auto p = self_->make_response_promise<apply_outcome>();
  if (core_->is_leader()) {
    start_change(c, {0, nullptr, p, clock_now()});
    perform_effects();
  } else if (can_ask()) {
    raft::question q;
    q.kind = static_cast<uint64_t>(raft::question_kind::change);
    q.change = static_cast<uint64_t>(c.what);
    q.id = c.id;
    q.address = c.address;
    forwarded f;
    f.change = p;
    ask(std::move(q), std::move(f));
  } else {
    apply_outcome out;
    out.result.failure = {errc::no_leader, "No cluster leader"};
    p.deliver(std::move(out));
  }
  return p;
}

// To the voter that has the most of the log when none is named.
bool raft_state::start_transfer(const std::string& to, apply_result& out) {
  server_id best = to;
  raft_index most;
  for (auto& id : core_->members().voters) {
    auto* p = core_->progress_of(id);
    const auto seen = seen_.find(id);
    if (!to.empty() || id == core_->self() || !p || p->match < most || (seen != seen_.end() && seen->second.cannot_write)) continue;
    best = id;
    most = p->match;
  }
  if (best.empty() || best == core_->self() || !core_->members().is_voter(best)) {
    out.failure = {errc::internal, best.empty() ? "there is no other voter to lead" : "\"" + best + "\" is not a voter that could take over"};
    return false;
  }
  log::info("agent.server.raft", "transferring leadership: to={}", best);
  core_->transfer_leadership(best);
  return true;
}

// Is there a voter that has synced more of this leader's log than the leader itself?
bool raft_state::others_are_ahead() const {
  for (auto& id : core_->members().voters) {
    auto* p = core_->progress_of(id);
    if (id != core_->self() && p && p->active && p->match > core_->stable_index()) return true;
  }
  return false;
}

// A leader whose disk or loop cannot follow hands over to a server that can, rather than to make all writes wait for it.
// The disk lags when others have had for long on theirs what ours has not finished, or fails; the loop when ticks come late.
void raft_state::step_aside_when_slow(clock::time_point now) {
  const auto patience = setup_.tick * setup_.options.election_ticks;
  const bool late = last_tick_ != clock::time_point{} && now - last_tick_ > 3 * setup_.tick;
  last_tick_ = now;
  late_ticks_ = late ? late_ticks_ + 2 : late_ticks_ - (late_ticks_ > 0 ? 1 : 0);
  if (!status_->leader.load() || unwritable_.code != errc::none || core_->members().voters.size() < 2 || now - stepped_aside_ < aside_interval) return;
  const bool stuck = !writing_.empty() && now - writing_.front().since > patience && others_are_ahead();
  const bool failing = stalled_.code != errc::none;
  if (!stuck && !failing && late_ticks_ < max_late_ticks) return;
  stepped_aside_ = now;
  late_ticks_ = 0;
  log::warn("agent.server.raft", "this leader's {}, another server shall lead", failing ? "disk refuses writes" : stuck ? "disk lags" : "event loop lags");
  apply_result ignored;
  (void)start_transfer({}, ignored);
}

caf::result<apply_outcome> raft_state::transfer(const leadership_transfer& t) {
  apply_outcome out;
  if (core_->is_leader()) {
    (void)start_transfer(t.to, out.result);
    perform_effects();
    return out;
  }
  if (!can_ask()) {
    out.result.failure = {errc::no_leader, "No cluster leader"};
    return out;
  }
  auto p = self_->make_response_promise<apply_outcome>();
  raft::question q;
  q.kind = static_cast<uint64_t>(raft::question_kind::transfer);
  q.id = t.to;
  forwarded f;
  f.change = p;
  ask(std::move(q), std::move(f));
  return p;
}

// ---- views ---------------------------------------------------------------------------------------------------------

caf::result<leader_info> raft_state::look(const leader_query& q) {
  if (!q.ask_leader || core_->is_leader() || !can_ask()) return info();
  auto p = self_->make_response_promise<leader_info>();
  raft::question asked;
  asked.kind = static_cast<uint64_t>(raft::question_kind::leader_info);
  forwarded f;
  f.look = p;
  ask(std::move(asked), std::move(f));
  return p;
}

// As Consul's Raft prints it.
static std::string configuration_text(const raft::membership& members) {
  std::string out;
  const auto add = [&](const server_id& id, const char* suffrage) {
    const auto at = members.addresses.find(id);
    out += std::string(out.empty() ? "" : " ") + "{Suffrage:" + suffrage + " ID:" + id + " Address:" + (at == members.addresses.end() ? "" : at->second) + "}";
  };
  for (auto& id : members.voters) add(id, "Voter");
  for (auto& id : members.learners) add(id, "Nonvoter");
  return "[" + out + "]";
}

leader_info raft_state::info() const {
  leader_info out;
  const auto& members = core_->members();
  out.leader_id = core_->leader();
  out.term = core_->term().v;
  out.configuration_index = core_->members_index().v;
  auto view = [&](const server_id& id, bool voter) {
    server_view v;
    v.id = id;
    v.voter = voter;
    v.leader = id == core_->leader();
    auto at = members.addresses.find(id);
    if (at != members.addresses.end()) v.address = at->second;
    if (auto seen = seen_.find(id); seen != seen_.end()) {
      v.name = seen->second.hello.name;
      v.non_voter = seen->second.hello.non_voter;
    }
    if (id == core_->self()) {
      v.name = setup_.hello.name;
      if (v.address.empty()) v.address = setup_.hello.address;
      v.last_contact_ms = 0;
      v.last_term = core_->entries().last_term().v;
      v.last_index = core_->last_index().v;
    } else if (auto* p = core_->progress_of(id); p && p->heard_tick > 0) {
      v.last_contact_ms = static_cast<int64_t>((core_->now_ticks() - p->heard_tick) * static_cast<uint64_t>(setup_.tick.count()));
      v.last_index = p->match.v;
      if (const auto term = core_->entries().term(p->match)) v.last_term = term->v; // else it is that far behind
    }
    if (v.leader) out.address = v.address;
    if (voter) out.peers.push_back(v.address);
    out.servers.push_back(std::move(v));
  };
  for (auto& id : members.voters) view(id, true);
  for (auto& id : members.learners) view(id, false);
  auto number = [](uint64_t n) { return std::to_string(n); };
  const auto applied = status_->applied.load();
  const auto heard = status_->leader_heard.load();
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(clock_now().time_since_epoch() - nanos(heard));
  out.stats = {
      {"applied_index", number(applied)},
      {"command_level", number(levels_.level())}, // ours: what all servers read, and each
      {"command_levels", levels_.text()},
      {"commit_index", number(core_->commit_index().v)},
      {"fsm_pending", number(core_->commit_index().v - std::min(core_->commit_index().v, applied))},
      {"last_contact", core_->is_leader() ? "0" : heard == 0 ? "never" : number(static_cast<uint64_t>(since.count())) + "ms"},
      {"last_log_index", number(core_->last_index().v)},
      {"last_log_term", number(core_->entries().last_term().v)},
      {"last_snapshot_index", number(store_->compacted().first.v)},
      {"last_snapshot_term", number(store_->compacted().second.v)},
      {"latest_configuration", configuration_text(members)},
      {"latest_configuration_index", number(core_->members_index().v)},
      {"num_peers", number(members.voters.empty() ? 0 : members.voters.size() - 1)},
      {"state", core_->is_leader() ? "Leader" : core_->role() == raft::role::follower ? "Follower" : "Candidate"},
      {"term", number(core_->term().v)},
  };
  return out;
}

} // namespace actord
