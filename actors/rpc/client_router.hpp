// The router of a client agent: what a server's Raft actor says of itself, asked of servers.
//
// Owns: nothing. Talks to: the RPC client. Spawned by: boot. Dies with the supervisor's exit message. Timers: none.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/messages/rpc_messages.hpp"
#include <caf/actor_system.hpp>

namespace actord {

router_handle spawn_client_router(caf::actor_system& system, rpc_handle rpc, std::string datacenter);

} // namespace actord
