#include "tests/sim/world.hpp"
#include "actors/raft/core/wire.hpp"
#include <cstdio>
#include <fmt/format.h>

namespace actord::sim {

namespace {
constexpr uint32_t client_count = 4;
constexpr uint64_t rest_units = 20000; // how long a mended world may take to come to rest
constexpr test::network_faults mended_network{};
} // namespace

world::world(const run_options& o)
    : options_(o), random_(o.seed), network_(o.nodes + o.faults->spares, o.faults->network, prng(random_())),
      servers_(o.nodes + o.faults->spares), running_(client_count, 0) {
  core_options_ = draw_options(0);
  core_options_.broken = o.broken;
  // Some runs are quiet for long, some are stormy.
  election_fault_ = o.faults->election_fault * static_cast<double>(random_.below(4)) / 3;
  fault_every_ = o.faults->fault_every * random_.between(1, 6) / 2;
  if (o.faults->change > 0) {
    change_after_election_ = static_cast<double>(random_.below(4)) / 4;
    change_fault_ = static_cast<double>(random_.below(4)) / 5;
    if (o.faults->hasty) change_after_election_ = 1, change_fault_ = 0.6;
  }
  for (uint32_t n = 0; n < servers_.size(); ++n) {
    servers_[n].name = "n" + std::to_string(n);
    servers_[n].tick_units = random_.between(units_per_tick - 1, units_per_tick + 1);
    if (o.faults->compaction && random_.chance(0.7)) {
      servers_[n].snapshot_every = random_.between(5, 60);
      servers_[n].snapshot_keep = random_.below(10);
    }
  }
  draw_bootstrap();
}

// Small bounds, so that batches, windows, tails and back-offs meet their edges in a short run.
raft::options world::draw_options(uint32_t) {
  raft::options o;
  o.heartbeat_ticks = static_cast<uint32_t>(random_.between(1, 3));
  o.election_ticks = static_cast<uint32_t>(random_.between(6, 12));
  const auto pick = [this](std::initializer_list<size_t> from) { return from.begin()[random_.below(from.size())]; };
  o.max_batch_entries = pick({1, 1, 2, 3, 8, 4096});
  o.max_batch_bytes = pick({20, 100, 100000});
  o.max_inflight = pick({1, 2, 4, 16});
  o.max_uncommitted_bytes = pick({60, 300, 1 << 20});
  o.max_tail_bytes = pick({0, 500, 3000, 1 << 20});
  o.max_apply_bytes = pick({14, 50, 1 << 20});
  o.max_unapplied = pick({1, 5, 1 << 16});
  o.max_pending_reads = pick({2, 1000});
  return o;
}

run_result world::run() {
  for (uint32_t n = 0; n < servers_.size(); ++n) start(n);
  for (uint32_t c = 0; c < client_count; ++c) schedule(random_.between(50, 200), at(event_kind::client, 0, c));
  if (fault_every_ > 0) schedule(fault_every_, at(event_kind::fault, 0));
  event e;
  const uint64_t end = options_.ticks * units_per_tick;
  while (!checks_.failed() && time_.next(end, e)) handle(e);

  // Everything is mended; the cluster must agree again, and on all that was committed.
  load_ = false;
  network_.heal(mended_network);
  for (uint32_t n = 0; n < servers_.size(); ++n) {
    servers_[n].paused_until = 0;
    if (!servers_[n].core && !checks_.failed()) start(n);
  }
  const raft::raft_core* rest = nullptr;
  for (uint64_t until = end; !rest && !checks_.failed() && until < end + rest_units;) {
    until += 20 * units_per_tick;
    while (!checks_.failed() && time_.next(until, e)) handle(e);
    rest = settled_leader();
  }
  if (!checks_.failed() && !rest) checks_.fail("liveness: no rest although everything was mended");
  if (!checks_.failed()) checks_.at_rest(rest->commit_index());
  std::vector<operation> history;
  for (const auto& op : operations_) {
    if (!op.void_) history.push_back(op.what);
  }
  if (!checks_.failed()) checks_.histories(history);
  result_.ok = !checks_.failed();
  result_.failure = checks_.failure();
  result_.committed = checks_.highest_commit().v;
  result_.elections = checks_.terms_led();
  result_.undecided = checks_.undecided();
  return result_;
}

void world::note(const event& e) {
  uint64_t h = mix(result_.trace_hash, time_.now());
  h = mix(h, static_cast<uint64_t>(e.kind) << 32 | e.node);
  h = mix(h, e.number);
  result_.trace_hash = mix(h, e.bytes);
  if (!options_.trace) return;
  static constexpr const char* names[] = {"tick", "deliver", "sync", "apply", "client", "request", "client_timeout",
                                          "fault", "mend", "restart", "snapshot_outcome", "election_fault",
                                          "bootstrap", "change"};
  std::string more;
  if (e.kind == event_kind::deliver) {
    if (auto m = raft::decode(e.bytes); m) {
      more = fmt::format(" kind={} from={} term={} log={}/{} commit={} reject={} round={} entries={}",
                         static_cast<int>(m->kind), m->from, m->term.v, m->log_index.v, m->log_term.v, m->commit.v,
                         m->reject, m->round, m->entries.size());
      for (const auto& x : m->entries) more += fmt::format(" {}/{}", x.index.v, x.term.v);
    }
  }
  const auto& s = servers_[e.node];
  if (e.kind == event_kind::tick && s.core && !s.core->is_leader()) return;
  fmt::print("{:6} n{} {:10} {}{}", time_.now(), e.node, names[static_cast<int>(e.kind)], e.number, more);
  if (s.core)
    fmt::print("   [role={} term={} vote={} last={} stable={} commit={} applied={}]", static_cast<int>(s.core->role()),
               s.core->term().v, s.core->vote(), s.core->last_index().v, s.core->stable_index().v,
               s.core->commit_index().v, s.applied.v);
  fmt::print("\n");
}

void world::handle(event& e) {
  note(e);
  // Client, fault and restart events belong to the world; the others to one life of a server.
  switch (e.kind) {
  case event_kind::client: return start_operation(static_cast<uint32_t>(e.number));
  case event_kind::client_timeout: return settle(e.number, false, 0, false);
  case event_kind::request: return request(e);
  case event_kind::fault: return inject_fault();
  case event_kind::mend: return mend(e.number);
  case event_kind::election_fault: return hit_election(e.node);
  case event_kind::change: return change_members(e.node);
  case event_kind::restart:
    if (!servers_[e.node].core) start(e.node);
    return;
  default: break;
  }
  server& s = servers_[e.node];
  if (!s.core) return;
  if (e.kind != event_kind::deliver && e.life != s.life) return;
  if (s.paused_until > time_.now()) {
    // A paused server's timers fire and its messages are read when it goes on.
    const uint64_t wait = s.paused_until - time_.now();
    return schedule(wait, std::move(e));
  }
  switch (e.kind) {
  case event_kind::tick:
    s.core->tick();
    schedule(s.tick_units, at(event_kind::tick, e.node));
    break;
  case event_kind::deliver: deliver(e); break;
  case event_kind::sync:
    s.syncing = false;
    if (uint64_t id = s.store.sync(e.number); id != 0) s.core->synced(id);
    begin_sync(e.node);
    break;
  case event_kind::bootstrap: s.core->bootstrap(initial_); break;
  case event_kind::apply:
    s.applying = false;
    apply_some(e.node);
    break;
  case event_kind::snapshot_outcome: s.core->snapshot_sent(servers_[e.from].name, raft_index{e.number}, e.good); break;
  default: break;
  }
  perform_effects(e.node);
}

void world::start(uint32_t n) {
  server& s = servers_[n];
  ++s.life;
  s.to_apply.clear();
  s.reads.clear();
  s.syncing = s.applying = false;
  s.paused_until = 0;
  raft::stored_state stored = s.store.stored();
  stored.applied = s.applied;
  raft::options o = core_options_;
  o.self = s.name;
  if (bootstrapped_ && initial_.is_voter(s.name)) o.members = initial_;
  prng of_core(random_());
  auto core = raft::raft_core::open(o, stored, s.store, of_core, s.forgot ? random_() | 1 : 0);
  if (!core) return checks_.fail(s.name + " does not start: " + core.err().text);
  s.core = std::move(*core);
  schedule(random_.between(1, s.tick_units), at(event_kind::tick, n));
  schedule_bootstrap(n);
  perform_effects(n);
}

void world::crash(uint32_t n, bool power_loss) {
  server& s = servers_[n];
  if (!s.core) return;
  ++result_.crashes;
  const bool restoring = s.core->stable_index() < s.applied; // a snapshot's place in the log is not durable yet
  s.core.reset();
  ++s.life;
  s.store.crash(random_);
  // After a power loss the machine's state is what the last durable snapshot holds. A killed process finds it as it
  // was, unless it came from a snapshot that the log does not know of.
  const auto stored = s.store.stored();
  if (power_loss || restoring || s.applied < stored.applied) {
    s.machine = s.store.snapshot() ? *s.store.snapshot() : kv_machine{};
    s.applied = s.store.snapshot_point().index;
  }
  for (uint64_t op : running_) {
    // The connection breaks: whether the operation took effect the client cannot tell.
    if (op != 0 && operations_[op - 1].node == n) settle(op, false, 0, false);
  }
}

void world::perform_effects(uint32_t n) {
  server& s = servers_[n];
  while (s.core && s.core->has_ready() && !checks_.failed()) {
    raft::ready r = s.core->drain();
    if (r.fault) return checks_.fail(fmt::format("{} halts: {}", s.name, r.fault->text));
    if (r.role && r.role->role == raft::role::leader) checks_.leads(*s.core);
    if (r.role && r.role->role != raft::role::follower) disturb_election(n);
    if (r.role && r.role->role == raft::role::leader) tempt_new_leader(n);
    write_out(n, r);
    send_out(n, r.messages);
    if (!r.committed.empty()) {
      checks_.committed(s.name, r.committed, s.core->term());
      for (auto& e : r.committed) s.to_apply.push_back(std::move(e));
      if (!std::exchange(s.applying, true)) schedule(random_.below(8), at(event_kind::apply, n));
    }
    for (const auto& x : r.rejected)
      if (x.cookie != change_cookie) settle(x.cookie, false, 0, x.is_read || x.reason != raft::reject_reason::lost_leadership);
    s.reads.insert(s.reads.end(), r.reads.begin(), r.reads.end());
    serve_reads(n);
    for (const auto& to : r.snapshots) send_snapshot(n, to);
  }
  if (s.core && s.forgot) s.forgot = s.core->is_recovering();
}

void world::write_out(uint32_t n, raft::ready& r) {
  if (r.write_id == 0) return;
  server& s = servers_[n];
  disk::write w;
  w.id = r.write_id;
  w.hard = r.hard;
  if (r.restore && !s.incoming) { // the term of the entry before a lost log was learned
    w.restore.emplace(*r.restore, s.store.snapshot());
    w.restore_members = std::move(r.restore_members);
  } else if (r.restore) {
    ++result_.snapshots;
    s.machine = *s.incoming;
    s.applied = r.restore->index;
    s.to_apply.clear();
    checks_.applied(s.name, s.applied, s.machine.history);
    w.restore.emplace(*r.restore, s.incoming);
    w.restore_members = std::move(r.restore_members);
  }
  if (!r.append.empty()) {
    auto before = s.core->entries().term(r.append.front().index.prev());
    checks_.appended(s.name, r.append, before ? *before : raft_term{});
  }
  w.append = std::move(r.append);
  s.store.submit(std::move(w));
  begin_sync(n);
}

void world::begin_sync(uint32_t n) {
  server& s = servers_[n];
  if (s.syncing || s.store.idle()) return;
  s.syncing = true;
  uint64_t takes = random_.between(0, options_.faults->sync_max);
  if (load_ && random_.chance(options_.faults->slow_disk)) takes *= random_.between(5, 40);
  // Some of what waits goes along in one sync (group commit).
  schedule(takes, at(event_kind::sync, n, random_.between(1, s.store.queued())));
}

void world::send_out(uint32_t n, std::vector<raft::message>& messages) {
  for (const auto& m : messages) {
    const uint32_t to = index_of(m.to);
    const auto arrivals = network_.plan(n, to);
    for (size_t i = 0; i < arrivals.count; ++i) {
      event e = at(event_kind::deliver, to);
      e.from = n;
      raft::encode(m, e.bytes);
      schedule(arrivals.delay[i], std::move(e));
    }
  }
}

void world::deliver(event& e) {
  server& s = servers_[e.node];
  auto m = raft::decode(e.bytes);
  if (!m) return checks_.fail("wire: a message does not decode: " + m.err().text);
  s.incoming = e.snapshot;
  s.core->step(std::move(*m));
}

void world::apply_some(uint32_t n) {
  server& s = servers_[n];
  while (!s.to_apply.empty()) {
    raft::entry e = std::move(s.to_apply.front());
    s.to_apply.pop_front();
    if (e.index != s.applied.next())
      return checks_.fail(fmt::format("{} applies entry {} after {}", s.name, e.index.v, s.applied.v));
    uint32_t seen = 0;
    if (e.kind == raft::entry_kind::command) seen = s.machine.apply(command::decode(e.bytes()));
    s.machine.history = mix(mix(s.machine.history, e.term.v), e.bytes());
    s.applied = e.index;
    checks_.applied(s.name, s.applied, s.machine.history);
    result_.changes += e.cookie == change_cookie;
    if (e.cookie != 0 && e.cookie != change_cookie) finish_write(n, e, seen);
  }
  s.core->applied(s.applied);
  serve_reads(n);
  maybe_snapshot(n);
}

void world::serve_reads(uint32_t n) {
  server& s = servers_[n];
  std::erase_if(s.reads, [&](const raft::read_state& r) {
    if (r.index > s.applied) return false;
    ++result_.reads;
    settle(r.cookie, true, s.machine.slots[operations_[r.cookie - 1].what.key], false);
    return true;
  });
}

void world::maybe_snapshot(uint32_t n) {
  server& s = servers_[n];
  // A restored snapshot that is still being written must not be overtaken by one of the disk's own.
  if (s.snapshot_every == 0 || s.core->stable_index() < s.applied) return;
  if (s.applied.v < s.store.snapshot_point().index.v + s.snapshot_every) return;
  const uint64_t keep = std::max(s.store.compacted().index.v, s.applied.v - std::min(s.snapshot_keep, s.applied.v));
  auto cut_term = s.core->entries().term(raft_index{keep});
  auto term = s.core->entries().term(s.applied);
  if (!cut_term || !term) return checks_.fail(s.name + " cannot name the term of an applied entry");
  const raft::log_point cut{raft_index{keep}, *cut_term};
  s.store.save_snapshot({s.applied, *term}, std::make_shared<const kv_machine>(s.machine), cut);
  s.core->compacted(cut);
}

// The snapshot's bytes travel beside the message that announces it, more slowly than other messages.
void world::send_snapshot(uint32_t n, const server_id& to) {
  server& s = servers_[n];
  const raft::log_point point = s.store.snapshot_point();
  const uint32_t receiver = index_of(to);
  const auto arrivals = network_.plan(n, receiver);
  raft::message m;
  m.kind = raft::message_kind::install_snapshot;
  m.from = s.name;
  m.to = to;
  m.term = s.core->term();
  m.log_index = point.index;
  m.log_term = point.term;
  if (const auto* members = s.core->members_at(point.index)) {
    m.members_index = members->first;
    m.members = members->second;
  }
  event outcome = at(event_kind::snapshot_outcome, n, point.index.v);
  outcome.from = receiver;
  outcome.good = arrivals.count > 0;
  schedule(100 + random_.below(100), std::move(outcome));
  for (size_t i = 0; i < arrivals.count; ++i) {
    event e = at(event_kind::deliver, receiver);
    e.from = n;
    e.snapshot = s.store.snapshot();
    raft::encode(m, e.bytes);
    schedule(arrivals.delay[i] * 5, std::move(e));
  }
}

run_result run_world(const run_options& o) { return world(o).run(); }

} // namespace actord::sim
