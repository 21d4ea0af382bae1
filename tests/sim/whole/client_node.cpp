#include "tests/sim/whole/client_node.hpp"
#include "actors/agent/agent_actor.hpp"
#include "actors/members/leave_actor.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::sim::whole {

namespace {

struct front_state {
  static inline const char* name = "front";
};
caf::behavior front_behavior(caf::stateful_actor<front_state>* self, std::shared_ptr<outside> o) {
  return {[self, o](const node_call& c) { if (o->self) c.call(self); }};
}

} // namespace

result<std::unique_ptr<client_node>> client_node::boot(surroundings& w, client_plan p, const pace& tempo, prng random) {
  std::unique_ptr<client_node> n(new client_node(std::move(p), tempo, random));
  if (auto s = n->spawn(w); !s) return s.err();
  return n;
}

// What runtime/node does, in the same order.
actord::status client_node::spawn(surroundings& w) {
  start(w, plan.clock);
  const auto& c = plan.config;
  if (auto s = start_pool(gossip, *system_, c, c.data_dir, plan.seed, outside_); !s) return s;
  auto told = std::make_shared<agent_handle>();
  line = spawn_line(*system_, {c.datacenter, plan.hold, plan.seed + 1, status, told}, outside_);
  front = system_->spawn(front_behavior, outside_);
  caf::anon_send(gossip.pool, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(line)});
  agent_deps deps;
  deps.status = status;
  deps.board = board;
  deps.cluster.lan = gossip.pool;
  deps.cluster.lan_members = gossip.board;
  deps.cluster.rpc = line;
  const auto me = [o = outside_]() -> client_node* { return o->self ? static_cast<client_node*>(o->self) : nullptr; };
  const auto leaving = std::make_shared<std::atomic<bool>>(false);
  leave = members::spawn_leave(*system_, {{}, gossip.pool, leaving, [o = outside_, me] { if (auto* n = me()) o->world->agent_stops(*n); }});
  deps.leaving = leaving;
  auto& how = deps.simulated.emplace();
  how.seed = plan.seed + 2;
  how.unix_now = [me] { auto* n = me(); return n ? n->unix_now() : 0; };
  how.began = [o = outside_, me](const error& e) { if (auto* n = me()) o->world->agent_began(*n, e); };
  auto spawned = spawn_agent(*system_, c, std::move(deps));
  if (!spawned) return spawned.err();
  agent = std::move(*spawned);
  *told = agent;
  return {};
}

client_node::~client_node() {
  kill([this] {
    end_of(agent);
    end_of(leave);
    end_of(line);
    end_of(gossip.join);
    end_of(gossip.pool);
    end_of(front);
  });
  system_.reset();
}

} // namespace actord::sim::whole
