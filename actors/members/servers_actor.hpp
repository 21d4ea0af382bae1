// Knows the servers of the own datacenter from the tags of the LAN pool's members: tells Raft where they are, and brings them into
// the pool of all datacenters' servers (flooding).
// Owns: the servers as they are now. Talks to: the pools, the raft actor. Spawned by: boot, on servers. Dies with: the node.
// Timers: one, to the next flood. Flooded: the LAN pool bounds its members.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/messages/servers_messages.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

namespace actord::members {

struct servers_setup {
  std::string datacenter;
  pool_handle lan, wan; // wan may be null
  std::shared_ptr<const pool_board> wan_board;
  servers_sink raft;
  nanos flood_interval = std::chrono::seconds(60);
};

caf::actor spawn_servers(caf::actor_system& system, servers_setup setup);

} // namespace actord::members
