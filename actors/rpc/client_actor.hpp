// A client agent's calls to servers: Consul's RPC over connections that it opens (wire.md).
//
// Owns: the list of servers (core/route, fed by the LAN pool's news), one yamux connection per server in use, calls without
// an answer. Talks to: whoever called. Spawned by: boot, as a CAF broker; it never blocks. Dies with boot's exit
// message; calls under way are answered by CAF then. Timers: one tick a second while there is a connection, a call or a
// list to rebalance, and one per call that waits to be tried again. Flooded: limits.rpc_rate refuses calls; each call
// holds its arguments and no more, its reply is bounded.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/status.hpp"
#include "runtime/base/duration.hpp"
#include <caf/actor_system.hpp>

namespace actord {

struct rpc_client_setup {
  std::string datacenter;
  std::string source_ip; // connections come from here; "" or a wildcard: any address
  nanos hold = std::chrono::seconds(7);
  double rate = -1, burst = 1000; // calls a second; a negative rate: no limit
  uint64_t seed = 1;
  std::shared_ptr<node_status> status;             // known_leader says whether a server is known; may be null
  std::shared_ptr<const pool_board> members;       // for the pool's size; may be null
  std::vector<std::string> fixed_servers;          // "ip:port", known from the start (tests)
  nanos dial_timeout = std::chrono::seconds(10), idle_close = std::chrono::seconds(127);
  nanos answer_timeout = std::chrono::seconds(60); // of calls that name no patience of their own
  nanos tick = std::chrono::seconds(1);
};

// Takes pool_news (pool_subscribe) and servers_watch at its address as well. The system must have loaded caf::io::middleman.
rpc_handle spawn_rpc_client(caf::actor_system& system, rpc_client_setup setup);

} // namespace actord
