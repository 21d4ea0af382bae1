#include "tests/sim/whole/node.hpp"
#include "actors/autopilot/autopilot_actor.hpp"
#include "actors/leader/leader_actor.hpp"
#include "actors/members/servers_actor.hpp"
#include "actors/raft/raft_actor.hpp"
#include "actors/raft/snapshot_actor.hpp"
#include "actors/state/scrub_actor.hpp"
#include "actors/state/state_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "runtime/node/damaged_log.hpp"
#include "runtime/node/damaged_state.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::sim::whole {

namespace {

node& self_of(const std::shared_ptr<outside>& o) { return static_cast<node&>(*o->self); }

struct peers_state {
  static inline const char* name = "peers";
};
peers_handle::behavior_type peers_behavior(peers_handle::stateful_pointer<peers_state>, std::shared_ptr<outside> o) {
  return {
      [o](const peers_send& m) { if (o->self) o->world->send(self_of(o), m); },
      [o](const peers_wanted& w) { if (o->self) o->world->want(self_of(o), w); },
      [o](const peers_say& s) { if (o->self) o->world->say(self_of(o), s); },
      [o](peers_ask& a) { if (o->self) o->world->ask(self_of(o), a); },
      [o](const peers_reply& r) { if (o->self) o->world->reply(self_of(o), r); },
      [o](const peers_send_snapshot& m) { if (o->self) o->world->send_snapshot(self_of(o), m); },
      [](peers_ticked) {},
  };
}

struct front_state {
  static inline const char* name = "front";
};
caf::behavior front_behavior(caf::stateful_actor<front_state>* self, std::shared_ptr<outside> o) {
  return {
      [o](const proposals_done& d) { if (o->self) o->world->settled(self_of(o), d); },
      [o](const reads_allowed& r) { if (o->self) o->world->allowed(self_of(o), r); },
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
  auto l = open_log(c, plan.folder, plan.log);
  if (!l) return l.err();
  log = std::move(*l);
  auto s = open_state(c, plan.folder, log, plan.log);
  if (!s) return s.err();
  state = std::move(*s);
  status->applied.store(state->applied_index().v);
  status->unpublished.store(state->applied_index().v);
  views = std::make_unique<reader>(*state);
  return {};
}

actord::status node::spawn(surroundings& w) {
  start(w, plan.clock);
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
  setup.recovery_mark = *recovery_mark(plan.folder);
  if (!setup.recovery_mark.empty()) setup.options.members = {};
  if (*is_incomplete(plan.folder)) setup.state_is_whole = [path = plan.folder] { note_complete(path); };
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
  if (plan.gossip) return spawn_gossip(c, plan.seed + 1);
  caf::anon_send(caf::actor_cast<servers_sink>(raft), servers_found{plan.found});
  return {};
}

// What runtime/node starts where there is a pool.
actord::status node::spawn_gossip(const node_config& base, uint64_t seed) {
  node_config c = *plan.gossip;
  c.datacenter = base.datacenter;
  c.server = true;
  c.node_id = plan.hello.id;
  c.node_name = plan.hello.name;
  c.bootstrap = plan.bootstrap;
  c.bootstrap_expect = plan.hello.bootstrap_expect;
  c.advertise_addr = plan.hello.address.substr(0, plan.hello.address.find(':'));
  c.serf_advertise_lan = {c.advertise_addr, gossip_port, {}};
  c.rpc_advertise = {c.advertise_addr, c.port_server, {}};
  gossip = std::make_unique<pool_part>();
  if (auto s = start_pool(*gossip, *system_, c, plan.folder, seed, outside_); !s) return s;
  members::servers_setup s;
  s.datacenter = c.datacenter;
  s.lan = gossip->pool;
  s.raft = caf::actor_cast<servers_sink>(raft);
  servers_ = members::spawn_servers(*system_, std::move(s));
  leader_ = spawn_leader_actor(*system_, c, {raft, gossip->pool, gossip->board, state.get(), status});
  return {};
}

node::~node() {
  if (desk_) desk_->take({});
  kill([this] {
    end_of(leader_);
    end_of(servers_);
    if (gossip) end_of(gossip->join), end_of(gossip->pool);
    end_of(sessions_);
    end_of(autopilot_);
    end_of(scrub_);
    end_of(snapshots_);
    end_of(writer_);
    end_of(watch_);
    end_of(raft);
    end_of(peers_);
    end_of(front);
  });
  views.reset();
  system_.reset();
  desk_.reset();
}

} // namespace actord::sim::whole
