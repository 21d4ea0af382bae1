// User events as this agent hears them.
//
// Owns: event_core (the last events) and the remote executions that run. Talks to: the LAN pool (subscribes), the RPC
// handle (the KV of remote executions), the local agent (a new leader). Publishes: event_board. Spawned by: boot, after
// the pools. Dies with boot's exit message; running jobs are killed then. Timers: one, at
// the end of the earliest waiter's patience. Flooded: events
// wait in the mailbox, each costs a few pattern matches; 256 are kept; jobs beyond the limit are refused.
#pragma once
#include "actors/events/event_board.hpp"
#include "actors/interfaces/cluster.hpp"
#include <caf/actor_system.hpp>
#include <functional>

namespace actord {

struct events_setup {
  std::string node_name, datacenter, token;
  bool remote_exec = false;
  pool_handle lan;  // null: nothing is heard (tests send pool_news themselves)
  rpc_handle rpc;   // null: no remote execution
  std::shared_ptr<event_board> board;
  std::function<std::vector<events::local_service>()> services; // of the local agent, for filters
};

events_handle spawn_events_actor(caf::actor_system& system, events_setup setup);

} // namespace actord
