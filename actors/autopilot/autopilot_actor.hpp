// Looks after the servers of the cluster: tells who is healthy, makes stable learners voters, removes dead servers.
// Owns: the core. Talks to: the router (who is there; changes; the first configuration). Publishes: autopilot_board.
// Spawned by: boot. Dies with the node. Timers: one, per server_health_interval. Flooded: gets no message but its own timer
// and the answers to its one request.
#pragma once
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/interfaces/raft.hpp"
#include "actors/interfaces/status.hpp"
#include "runtime/config/node_config.hpp"
#include "storage/model/autopilot.hpp"
#include <caf/actor_system.hpp>

namespace actord {

class state_store;

// What holds until the cluster has a configuration of its own, and what the first leader makes it.
autopilot_config autopilot_defaults(const node_config& c);

// The store outlives the actor.
autopilot_handle spawn_autopilot(caf::actor_system& system, const node_config& config, router_handle router, state_store& store,
                                 std::shared_ptr<node_status> status, std::shared_ptr<autopilot_board> board);

} // namespace actord
