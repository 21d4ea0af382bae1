// What a front of either kind has of this node.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "runtime/config/node_config.hpp"
#include "runtime/net/loop_actor.hpp"
#include <memory>

namespace actord {
class autopilot_board; // actors/autopilot
}

namespace actord::dispatch {

// References live as long as the server.
struct site {
  const node_config& config;
  net::loop_actor_ptr self; // an actor in this thread: self->request(…).then(…)
  router_handle router;     // null on a client agent
  node_status& status;
  std::shared_ptr<const autopilot_board> autopilot; // null in tests that need none
  cluster_links cluster;
};

} // namespace actord::dispatch
