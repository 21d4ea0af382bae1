#include "tests/sim/whole/node.hpp"
#include "actors/autopilot/autopilot_actor.hpp"
#include "actors/raft/raft_actor.hpp"
#include "actors/raft/snapshot_actor.hpp"
#include "actors/state/scrub_actor.hpp"
#include "actors/state/state_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "runtime/node/damaged_log.hpp"
#include "runtime/node/damaged_state.hpp"
#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <cstring>

namespace actord::sim::whole {

namespace {

struct peers_state {
  static inline const char* name = "peers";
};
peers_handle::behavior_type peers_behavior(peers_handle::stateful_pointer<peers_state>, std::shared_ptr<outside> o) {
  return {
      [o](const peers_send& m) { if (o->self) o->world->send(*o->self, m); },
      [o](const peers_wanted& w) { if (o->self) o->world->want(*o->self, w); },
      [o](const peers_say& s) { if (o->self) o->world->say(*o->self, s); },
      [o](peers_ask& a) { if (o->self) o->world->ask(*o->self, a); },
      [o](const peers_reply& r) { if (o->self) o->world->reply(*o->self, r); },
      [o](const peers_send_snapshot& m) { if (o->self) o->world->send_snapshot(*o->self, m); },
      [](peers_ticked) {},
  };
}

struct front_state {
  static inline const char* name = "front";
};
caf::behavior front_behavior(caf::stateful_actor<front_state>* self, std::shared_ptr<outside> o) {
  return {
      [o](const proposals_done& d) { if (o->self) o->world->settled(*o->self, d); },
      [o](const reads_allowed& r) { if (o->self) o->world->allowed(*o->self, r); },
      [self, o](const node_call& c) { if (o->self) c.call(self); },
  };
}

} // namespace

result<std::unique_ptr<node>> node::boot(surroundings& w, node_plan p, const pace& tempo, prng random) {
  std::unique_ptr<node> n(new node(std::move(p), tempo, random));
  if (auto s = n->open_stores(); !s) return s.err();
  if (auto s = n->spawn(w); !s) return s.err();
  return n;
}

// What runtime/node does, in the same order.
actord::status node::open_stores() {
  node_config c;
  c.node_id = plan.hello.id;
  c.datacenter = "dc1";
  c.bootstrap = plan.bootstrap;
  auto l = open_log(c, plan.folder, plan.full);
  if (!l) return l.err();
  log = std::move(*l);
  auto s = open_state(c, plan.folder, log, plan.full);
  if (!s) return s.err();
  state = std::move(*s);
  status->applied.store(state->applied_index().v);
  status->unpublished.store(state->applied_index().v);
  views = std::make_unique<reader>(*state);
  return {};
}

actord::status node::spawn(surroundings& w) {
  config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(config_);
  jobs_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
  clock_ = &jobs_->clock();
  clock_->current_time = plan.clock;
  outside_ = std::make_shared<outside>(outside{&w, this});

  raft_setup setup;
  setup.options = plan.options;
  setup.options.self = plan.hello.id;
  if (plan.bootstrap) {
    setup.options.members.voters = {plan.hello.id};
    setup.options.members.addresses[plan.hello.id] = plan.hello.address;
  }
  setup.hello = plan.hello;
  setup.hold = plan.hold;
  setup.tick = plan.tick;
  setup.seed = plan.seed;
  setup.recovery_mark = recovery_mark(plan.folder);
  if (!setup.recovery_mark.empty()) setup.options.members = {};
  if (is_incomplete(plan.folder)) setup.state_is_whole = [path = plan.folder] { note_complete(path); };
  setup.detached_writer = false;
  desk_ = std::make_shared<leader_desk>(*state);
  setup.answers = [desk = desk_](std::string_view command, std::chrono::steady_clock::time_point now, bool current, apply_result& out) {
    return desk->answer(command, now, current, out);
  };
  scrub_ = spawn_scrub_actor(*system_, *state, {.interval = std::chrono::milliseconds(700), .portion = 32 << 10});
  setup.look_for_damage = [scrub = scrub_] { caf::anon_send(scrub, scrub_now{}); };
  auto spawned = spawn_raft_actor(*system_, *log, *state, std::move(setup), status);
  if (!spawned) return spawned.err();
  raft = std::move(*spawned);
  peers_ = system_->spawn(peers_behavior, outside_);
  front = system_->spawn(front_behavior, outside_);
  watch_ = spawn_watch_actor(*system_, status);
  writer_ = spawn_state_actor(*system_, *state, raft, watch_, status);
  snapshot_policy policy;
  policy.interval = plan.snapshot_interval;
  policy.threshold = plan.snapshot_threshold;
  policy.trailing = plan.trailing;
  policy.least_bytes = 1;
  snapshots_ = spawn_snapshot_actor(*system_, *state, *log, raft, policy, false);
  node_config c;
  c.datacenter = "dc1";
  c.raft_heartbeat_timeout = std::chrono::duration_cast<nanos>(plan.tick) * 50;
  c.server_health_interval = std::chrono::milliseconds(500);
  c.autopilot_server_stabilization_time = std::chrono::milliseconds(1500);
  c.autopilot_max_trailing_logs = 50;
  autopilot_ = spawn_autopilot(*system_, c, raft, *state, status, board);
  sessions_ = spawn_session_actor(*system_, {caf::actor_cast<leader_line>(raft), watch_, state.get(), status, "dc1"});
  desk_->take(sessions_);
  caf::anon_send(raft, raft_attach{writer_, peers_});
  caf::anon_send(caf::actor_cast<servers_sink>(raft), servers_found{plan.found});
  return {};
}

node::~node() {
  if (outside_) outside_->self = nullptr;
  const auto end = [](auto& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::kill);
    handle = nullptr;
  };
  if (desk_) desk_->take({});
  end(sessions_);
  end(autopilot_);
  end(scrub_);
  end(snapshots_);
  end(writer_);
  end(watch_);
  end(raft);
  end(peers_);
  end(front);
  while (jobs_ && jobs_->has_job()) jobs_->run_once();
  views.reset();
  system_.reset();
  desk_.reset();
}

node::job node::kind_of(caf::resumable* r) {
  static constexpr const char* names[] = {"raft", "log-writer", "state", "watch", "snapshot", "autopilot", "session", "peers", "front"};
  const auto* actor = dynamic_cast<caf::local_actor*>(r);
  if (actor)
    for (uint8_t i = 0; i < job_other; ++i)
      if (std::strcmp(names[i], actor->name()) == 0) return static_cast<job>(i);
  return job_other;
}

uint64_t node::busy_after(job j) {
  if (j == job_other) return 0;
  if (tempo_.stall > 0 && random_.chance(tempo_.stall)) return random_.between(5'000, 100'000);
  if (j == job_log_writer || j == job_snapshot) return random_.below(1 + (tempo_.slow_disk > 0 ? tempo_.slow_disk : tempo_.disk));
  if (j == job_state) return random_.below(1 + std::max(tempo_.apply, tempo_.slow_disk / 4));
  return random_.chance(0.6) ? 0 : random_.below(1 + tempo_.usual);
}

void node::advance(caf::actor_clock::time_point local) {
  if (local > clock_->current_time) clock_->advance_time(local - clock_->current_time);
}

void node::work(uint64_t now) {
  std::array<size_t, 16> ready{};
  for (;;) {
    size_t count = 0;
    for (size_t i = 0; i < jobs_->jobs.size() && count < ready.size(); ++i)
      if (free_at_[kind_of(jobs_->jobs[i])] <= now) ready[count++] = i;
    if (count == 0) return;
    const auto at = jobs_->jobs.begin() + static_cast<std::ptrdiff_t>(ready[random_.below(count)]);
    const auto kind = kind_of(*at);
    std::rotate(jobs_->jobs.begin(), at, at + 1);
    jobs_->run_once();
    free_at_[kind] = now + busy_after(kind);
  }
}

uint64_t node::next_work(uint64_t now) const {
  uint64_t next = never;
  for (auto* r : jobs_->jobs) next = std::min(next, std::max(now, free_at_[kind_of(r)]));
  return next;
}

bool node::session_waits() const {
  return std::any_of(jobs_->jobs.begin(), jobs_->jobs.end(), [](auto* r) { return kind_of(r) == job_session; });
}

caf::actor_clock::time_point node::next_timer() const {
  const auto& timers = clock_->schedule();
  return timers.empty() ? caf::actor_clock::time_point::max() : timers.begin()->first;
}

void node::in_front(std::function<void(caf::event_based_actor*)> f) { caf::anon_send(front, node_call{std::move(f)}); }

} // namespace actord::sim::whole
