// Keeps the catalog's nodes, the service `consul` and the serfHealth checks equal to what gossip says, while this server
// leads; takes servers that left out of Raft; tells the pool of a new leader; has old tombstones forgotten.
// Owns: the events that wait to be carried out, and the core. Talks to: the LAN pool (subscribes; fires consul:new-leader),
// the router (commands, changes of the configuration). Spawned by: boot. Dies with the node. Timers: one, which also sees
// that we lead. Flooded: events wait in order, at most `max_waiting`; when there are more, all members are looked at instead.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/messages/leader_messages.hpp"
#include "runtime/config/node_config.hpp"
#include <caf/actor_system.hpp>

namespace actord {

class state_store;

struct leader_deps {
  router_handle router;
  pool_handle lan; // null: only this node is known
  std::shared_ptr<const pool_board> members;
  state_store* store; // outlives the actor
  std::shared_ptr<node_status> status;
};

leader_handle spawn_leader_actor(caf::actor_system& system, const node_config& config, leader_deps deps);

} // namespace actord
