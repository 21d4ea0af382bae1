// Tells the servers where this node is, and on a server gathers what nodes tell and proposes it in batches.
// Owns: the updates heard since the last proposal. Talks to: the router (a server), Consul's RPC (a client agent).
// Spawned by: boot. Dies with the node. Timers: one per update of our own, one per batch that waits. Flooded: what is more than
// can be proposed in a period is dropped and counted.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/messages/leader_messages.hpp"
#include "runtime/config/node_config.hpp"
#include <caf/actor_system.hpp>

namespace actord {

struct coordinate_deps {
  router_handle router; // null on a client agent
  rpc_handle rpc;       // needed on a client agent only
  std::shared_ptr<const pool_board> lan;
  uint64_t seed = 1;
};
coordinate_handle spawn_coordinate_actor(caf::actor_system& system, const node_config& config, coordinate_deps deps);

// Under this name boot puts the actor into the system's registry, for those who only need it now and then.
inline constexpr auto coordinate_registry_name = caf::atom("coordinate");

} // namespace actord
