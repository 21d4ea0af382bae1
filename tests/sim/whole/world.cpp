#include "tests/sim/whole/world.hpp"
#include "storage/command/row.hpp"
#include "storage/state/boot_mark.hpp"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <mutex>
#include <unistd.h>
#include <utility>

namespace actord::sim::whole {

namespace {

// How long a mended cluster may take to come to rest. With agents: serf tries a failed member again after 30 s, if it is drawn, the leader
// looks at all members once a minute, and that a member leaves is void when it is still there after five.
constexpr uint64_t rest_time_of_servers = 90 * second, rest_time_with_agents = 400 * second;

// Runs that were killed leave their folders, in memory for the most part. Once per process.
void remove_left_behind(const std::string& base) {
  static std::once_flag once;
  std::call_once(once, [&] {
    std::error_code ec;
    for (auto& entry : std::filesystem::directory_iterator(base, ec)) {
      const auto name = entry.path().filename().string();
      int pid = 0;
      if (std::sscanf(name.c_str(), "actord-sim-%d-", &pid) == 1 && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry.path(), ec);
    }
  });
}

std::string fresh_folder() {
  std::error_code ec;
  std::string base = std::filesystem::exists("/dev/shm", ec) ? "/dev/shm" : std::filesystem::temp_directory_path(ec).string();
  remove_left_behind(base);
  std::string pattern = base + "/actord-sim-" + std::to_string(::getpid()) + "-XXXXXX";
  return ::mkdtemp(pattern.data()) ? pattern : std::string();
}

test::network_faults draw_network(prng& random) {
  test::network_faults f;
  const bool rough = random.chance(0.6);
  f.loss = rough ? 0.001 * static_cast<double>(random.below(60)) : 0;
  f.duplicate = rough ? 0.03 : 0;
  f.delay_min = 50;
  f.delay_max = rough ? random.between(500, 20 * ms) : 400;
  f.straggler = rough ? 0.03 : 0;
  return f;
}

} // namespace

world::world(const run_options& o)
    : options_(o), random_(o.seed), network_(most_servers + o.agents, draw_network(random_), prng(random_())), folder_(fresh_folder()),
      servers_(most_servers), clients_(o.agents), links_(most_servers, std::vector<link>(most_servers)), running_(client_count, 0), final_left_(client_count, 0),
      holders_(holder_count), views_of_members_(most_servers) {
  broken_rule = o.broken;
  const auto pick = [this](std::initializer_list<size_t> from) { return from.begin()[random_.below(from.size())]; };
  drawn_.tick = std::chrono::milliseconds(random_.between(40, 100));
  drawn_.hold = std::chrono::milliseconds(random_.between(1000, 7000));
  // Small bounds now and then, so that batches, windows and tails meet their edges.
  auto& r = drawn_.options;
  r.max_batch_entries = pick({1, 3, 4096, 4096});
  r.max_inflight = pick({1, 4, 16});
  r.max_tail_bytes = pick({0, 500, 8 << 20});
  r.max_apply_bytes = pick({50, 500, 4 << 20});
  r.max_unapplied = pick({2, 1 << 16, 1 << 16});
  r.max_uncommitted_bytes = pick({400, 64 << 20, 64 << 20});
  if (has_agents() || o.upgrades) r.max_uncommitted_bytes = std::max<size_t>(r.max_uncommitted_bytes, 8000); // a registration and a query are larger than 400
  r.broken = o.core_broken;
  constexpr uint64_t journals[] = {0, 8 << 10, 64 << 10, 256 << 10};
  drawn_.log.journal_bytes = journals[o.seed % 4];
  drawn_.snapshot_threshold = random_.between(10, 150);
  drawn_.trailing = random_.below(30);
  drawn_.snapshot_interval = std::chrono::milliseconds(random_.between(300, 4000));
  fault_every_ = random_.between(300, 4000) * ms;
  strikes_ = random_.chance(0.3) ? 0.01 : 0;
  trouble_ = has_agents() ? trouble::none : static_cast<trouble>(random_.below(3));
  const bool expect = random_.chance(0.7);
  for (size_t n = 0; n < o.nodes; ++n)
    add_server("s" + std::to_string(n), "10.0.0." + std::to_string(n + 1) + ":8300", expect ? static_cast<int>(o.nodes) : 0, !expect && n == 0, true);
  if (has_agents()) add_agents();
}

world::~world() {
  for (auto& c : clients_) c.up.reset();
  for (auto& s : servers_) {
    s.full = true;
    s.up.reset();
  }
  std::error_code ec;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ec);
  broken_rule = rule::none;
}

void world::add_server(const std::string& name, const std::string& address, int expect, bool bootstraps, bool knows_all) {
  uint32_t slot = 0;
  while (servers_[slot].started) ++slot;
  auto& s = servers_[slot];
  s.started = true;
  s.bootstraps = bootstraps;
  s.hello.id = fmt::format("{:08x}-0000-4000-8000-{:012x}", slot, options_.seed & 0xffffffffffff);
  s.hello.name = name;
  s.hello.address = address;
  s.hello.datacenter = "dc1";
  s.hello.bootstrap_expect = expect;
  s.hello.command_level = highest_command_level();
  if (options_.upgrades) plan_upgrade(slot);
  s.folder = folder_ + "/" + std::to_string(slot);
  s.rate = 0.97 + 0.0001 * static_cast<double>(random_.below(600));
  s.clock = time_point(std::chrono::seconds(random_.between(1000, 1'000'000)));
  s.clock_at = now();
  s.tempo.usual = random_.between(50, 400);
  s.tempo.apply = random_.between(50, random_.chance(0.5) ? 400 : 30 * ms);
  s.tempo.disk = random_.between(200, 8 * ms);
  s.tempo.stall = random_.chance(0.5) ? 0.0005 : 0;
  (void)knows_all;
  schedule(random_.between(1, 800 * ms), "boot", slot, [this, slot] { boot(slot); });
}

void world::boot(uint32_t slot) {
  auto& s = servers_[slot];
  if (s.up || s.gone) return;
  node_plan p = drawn_;
  p.slot = slot;
  p.life = ++s.life;
  p.folder = s.folder;
  p.hello = s.hello;
  p.hello.known.clear();
  p.hello.bootstrapped = false;
  p.bootstrap = s.bootstraps;
  for (uint32_t other = 0; other < most_servers; ++other)
    if (other != slot && servers_[other].started && !servers_[other].gone) p.found.push_back({servers_[other].hello.id, servers_[other].hello.name, servers_[other].hello.address, true, false, servers_[other].hello.command_level});
  p.seed = random_();
  p.clock = local_time(s);
  p.gossip = gossip_config_;
  p.log.full = &s.full;
  p.log.power_fails = &s.power_fails;
  p.log.journal_bytes = drawn_.log.journal_bytes;
  s.hung_until = 0;
  s.up_since = now();
  s.wanted.clear();
  std::error_code ec;
  std::filesystem::create_directories(s.folder, ec);
  if (std::exchange(s.to_damage, false)) damage_files(slot), s.damaged = true;
  auto up = node::boot(*this, std::move(p), s.tempo, prng(random_()));
  if (!up && up.err().code == errc::storage_full) return schedule(second, "boot again", slot, [this, slot] { boot(slot); });
  if (!up) return fail(fmt::format("{} does not start: {}", s.hello.name, up.err().text));
  s.up = std::move(*up);
  s.damaged = false;
  s.work_at = never;
  schedule(1, "links", slot, [this, slot] { look_after_links(slot); });
  wake(slot, now());
}

// The power fails in the midst of a write that nobody has heard of yet.
void world::tear_journal(log_store& log, std::atomic<bool>& power_fails) {
  log_batch b;
  const std::string payload(now() % 3000, 'x');
  for (uint64_t n = 1 + now() % 3, i = log.last_index().v; n > 0; --n) b.append.push_back({raft_index{++i}, log.hard_state().first, 1, payload});
  power_fails = true;
  if (log.write({&b, 1}).ok()) fail("a write was taken although the power failed in it");
  power_fails = false;
}

// The process dies, or the machine: then what was not synced is lost, which is the state as a whole (it is rebuilt).
void world::crash(uint32_t slot, bool power_loss) {
  auto& s = servers_[slot];
  if (!s.up) return;
  audit(slot);
  const bool was_full = s.full.exchange(true);
  if (power_loss) tear_journal(*s.up->log, s.power_fails);
  s.clock = local_time(s);
  s.clock_at = now();
  auto dying = std::move(s.up);
  dying.reset();
  s.full = was_full;
  ++s.life;
  s.work_at = never;
  if (auto marked = state::write_mark(s.folder + "/state", {power_loss ? "before" : state::current_boot_id(), false}); !marked)
    return fail("the simulator cannot write: " + marked.err().text);
  ++(power_loss ? result_.power_losses : result_.crashes);
  for (uint32_t other = 0; other < most_servers; ++other) {
    links_[slot][other].up = false;
    ++links_[slot][other].generation;
    // A process's connections are closed by its kernel; a machine that is gone closes none.
    if (links_[other][slot].up && !power_loss)
      schedule(random_.between(100, 20 * ms), "reset", other, [this, other, slot, generation = links_[other][slot].generation] {
        if (links_[other][slot].generation == generation && !network_.is_cut(slot, other)) drop(other, slot);
      });
  }
  std::erase_if(questions_, [&](auto& q) { return q.second.from == slot; });
  if (has_agents()) take_down(slot, power_loss);
  for (uint64_t number : running_)
    if (number != 0 && operations_[number - 1].slot == slot) schedule(random_.between(100, 5 * ms), "broken", slot, [this, number] { give_up(number); });
  for (auto& h : holders_)
    if (h.running != 0 && lock_calls_[h.running - 1].slot == slot) schedule(random_.between(100, 5 * ms), "broken", slot, [this, number = h.running] { give_up_lock_step(number); });
}

site& world::site_of(uint32_t slot) {
  if (slot < most_servers) return servers_[slot];
  return client_at(slot);
}

machine* world::running(uint32_t slot) {
  if (slot < most_servers) return servers_[slot].up.get();
  return client_at(slot).up.get();
}

world::time_point world::local_time(const site& s) const {
  return s.clock + std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(now() - s.clock_at) * 1000 * s.rate));
}

void world::set_clock(site& s, time_point t) {
  s.clock = t;
  s.clock_at = now();
}

void world::schedule(uint64_t delay, const char* what, uint32_t slot, std::function<void()> act) { time_.schedule(delay, {what, slot, std::move(act)}); }

void world::wake(uint32_t slot, uint64_t at) {
  auto& s = site_of(slot);
  if (at >= s.work_at) return;
  s.work_at = at;
  const auto number = ++s.work_number;
  schedule(at - now(), "work", slot, [this, slot, number] {
    if (site_of(slot).work_number == number && running(slot)) work(slot);
  });
}

void world::work(uint32_t slot) {
  auto& s = site_of(slot);
  auto& m = *running(slot);
  s.work_at = never;
  if (s.hung_until > now()) return wake(slot, s.hung_until);
  m.advance(local_time(s));
  m.work(now());
  if (slot < most_servers) audit(slot);
  else look_at_agent(slot);
  uint64_t next = m.next_work(now());
  if (const auto timer = m.next_timer(); timer != time_point::max()) {
    const auto wait = std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(timer - m.clock()).count());
    next = std::min(next, now() + 1 + static_cast<uint64_t>(static_cast<double>(wait) / 1000 / s.rate));
  }
  if (next != never) wake(slot, next);
}

// Something comes to a process. One that hangs finds it when it goes on.
void world::enter(uint32_t slot, uint64_t life, const char* what, std::function<void()> f) {
  auto& s = site_of(slot);
  auto* m = running(slot);
  if (!m || s.life != life) return;
  if (s.hung_until > now()) // in the order in which they came
    return schedule(s.hung_until - now(), what, slot, [this, slot, life, what, f = std::move(f)]() mutable { enter(slot, life, what, std::move(f)); });
  m->advance(local_time(s));
  f();
  wake(slot, now());
}

void world::visit(uint32_t slot, uint64_t life, const char* what, std::function<void(node&)> f) {
  enter(slot, life, what, [this, slot, f = std::move(f)] { f(*servers_[slot].up); });
}

bool world::reachable(uint32_t a, uint32_t b) const { return !network_.is_cut(a, b) && !network_.is_cut(b, a); }

uint32_t world::slot_of(const server_id& id) const {
  for (uint32_t n = 0; n < most_servers; ++n)
    if (servers_[n].started && servers_[n].hello.id == id) return n;
  return most_servers;
}

uint32_t world::any_started() {
  const auto first = static_cast<uint32_t>(random_.below(most_servers));
  for (uint32_t i = 0; i < most_servers; ++i) {
    const uint32_t n = (first + i) % most_servers;
    if (servers_[n].started && !servers_[n].gone) return n;
  }
  return 0;
}

uint32_t world::leader_or_any() {
  if (random_.chance(0.6)) {
    // Any that believes to lead, also one that does no more.
    const auto first = static_cast<uint32_t>(random_.below(most_servers));
    for (uint32_t i = 0; i < most_servers; ++i) {
      const uint32_t n = (first + i) % most_servers;
      if (servers_[n].up && servers_[n].up->status->leader.load()) return n;
    }
  }
  return any_started();
}

void world::note(const event& e) {
  uint64_t h = mix(result_.trace_hash, now());
  h = mix(h, std::string_view(e.what));
  result_.trace_hash = mix(h, e.slot);
  if (!options_.trace) return;
  if (e.slot >= most_servers) return fmt::print("{:10.3f} {} {}\n", static_cast<double>(now()) / ms, client_at(e.slot).name, e.what);
  const auto& s = servers_[e.slot];
  fmt::print("{:10.3f} s{} {}", static_cast<double>(now()) / ms, e.slot, e.what);
  if (s.up)
    fmt::print("   [{}term={} commit={} applied={} last={}]", s.up->status->leader.load() ? "leads " : "", s.up->status->term.load(), s.up->status->commit.load(),
               s.up->status->applied.load(), s.up->log->last_index().v);
  fmt::print("\n");
}

bool world::next_event(uint64_t until) {
  event e;
  if (!failure_.empty() || !time_.next(until, e)) return false;
  note(e);
  e.act();
  return true;
}

run_result world::run() {
  if (folder_.empty()) fail("the simulator finds no folder to write to");
  for (uint32_t c = 0; c < client_count; ++c) schedule(random_.between(500 * ms, 3 * second), "client", 0, [this, c] { start_operation(c); });
  for (uint32_t h = 0; h < holder_count; ++h) schedule(random_.between(500 * ms, 3 * second), "lock client", 0, [this, h] { start_lock_step(h); });
  schedule(3 * second + fault_every_, "fault", 0, [this] { inject_fault(); });
  schedule(second, "operator", 0, [this] { operate(); });
  if (options_.upgrades) write_new_command();
  const uint64_t end = options_.seconds * second, rest_time = has_agents() ? rest_time_with_agents : rest_time_of_servers;
  while (next_event(end)) {}
  if (failure_.empty()) {
    mend_everything();
    std::string why;
    bool rests = false;
    for (uint64_t until = end; until < end + rest_time && failure_.empty() && !rests;) {
      until += 500 * ms;
      while (next_event(until)) {}
      rests = failure_.empty() && at_rest(why);
    }
    if (failure_.empty() && !rests) fail("liveness: no rest although everything was mended: " + why + who_forgot());
    if (failure_.empty()) judge_end();
  }
  result_.ok = failure_.empty();
  result_.failure = failure_;
  result_.terms = leaders_.size();
  static_cast<lock_counts&>(result_) = lock_judge_.counts;
  for (auto& c : clients_) {
    const auto& n = c.judge->counts;
    result_.registrations += n.registrations, result_.removals += n.removals, result_.beats += n.beats, result_.expiries += n.expiries, result_.kept_states += n.kept_states;
  }
  result_.operations = operations_.size();
  return result_;
}

run_result run_whole(const run_options& o) { return world(o).run(); }

} // namespace actord::sim::whole
