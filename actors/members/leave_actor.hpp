// Takes the node out of its pools when it is asked to stop. By itself, not by the agent: that one may wait for a disk that hangs, and to the others
// the node would have failed.
// Owns: who waits for it. Talks to: the pools. Spawned by: boot. Dies with: the node. Timers: a pool's patience, and a moment
// between the answer and the end. Flooded: only the first request does something, all are answered.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include <atomic>
#include <caf/actor_system.hpp>
#include <functional>

namespace actord::members {

struct leave_setup {
  pool_handle wan, lan;                       // null where a pool is off
  std::shared_ptr<std::atomic<bool>> leaving; // set at once: the agent is to tell the catalog nothing more
  std::function<void()> stop_node;            // called once the answer is on its way
};

leave_handle spawn_leave(caf::actor_system& system, leave_setup setup);

} // namespace actord::members
