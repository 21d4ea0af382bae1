// Stands in for the connections of a client agent's RPC: which server a call goes to, and whether and when it is tried again, is
// decided by the production core (actors/rpc/core/route); the world carries the bytes and says what became of an attempt.
#pragma once
#include "actors/interfaces/agent.hpp"
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/messages/pool_messages.hpp"
#include "actors/rpc/core/route.hpp"
#include "tests/sim/whole/machine.hpp"

namespace actord::sim::whole {

struct line_ended { // of one attempt
  uint64_t id = 0;
  rpc::attempt how = rpc::attempt::answered;
  std::string refusal, body;
};
struct line_again { // own timer
  uint64_t id = 0;
};

using line_handle = rpc_handle::extend<caf::reacts_to<pool_news>, caf::reacts_to<line_ended>, caf::reacts_to<line_again>>;

// Tells the agent that servers came, once there is one (`agent` is set by then).
struct line_setup {
  std::string datacenter = "dc1";
  nanos hold{7'000'000'000};
  uint64_t seed = 1;
  std::shared_ptr<node_status> status;
  std::shared_ptr<agent_handle> agent;
};
line_handle spawn_line(caf::actor_system& system, line_setup setup, std::shared_ptr<outside> o);

} // namespace actord::sim::whole

ACTORD_LOCAL_MESSAGE(actord::sim::whole::line_ended)
ACTORD_LOCAL_MESSAGE(actord::sim::whole::line_again)
