// Joins a pool through the addresses of the configuration, again and again until one of them answers.
// Owns: how often it has tried. Talks to: the pool. Spawned by: boot. Dies with: its success, or the node.
// Timers: one, to the next attempt. Flooded: nobody sends to it.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "runtime/base/duration.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <functional>
#include <string>
#include <vector>

namespace actord::members {

struct join_setup {
  std::string cluster = "LAN"; // for the log
  std::vector<std::string> addresses;
  nanos interval = std::chrono::seconds(30);
  int most_attempts = 0;         // 0: no end
  std::function<void()> give_up; // after the last attempt
};

caf::actor spawn_join(caf::actor_system& system, pool_handle pool, join_setup setup);

} // namespace actord::members
