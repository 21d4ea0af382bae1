// The Raft peer: carries out what the Raft core decides.
// Owns: the core, who proposed what, the log writer. Talks to: the log writer (make durable), the state actor (apply),
// proposers (what was turned down). Spawned by: boot. Dies with: the node; takes the log writer with it.
// Timers: one tick. Flooded: the core refuses proposals beyond max_uncommitted_bytes with "overloaded".
#pragma once
#include "actors/interfaces.hpp"
#include "actors/raft/core/types.hpp"
#include <caf/actor_system.hpp>
#include <chrono>

namespace actord {

class log_store;

struct raft_setup {
  raft::options options;
  std::string advertise; // "ip:8300", shown by /v1/status/leader
  std::chrono::milliseconds tick{100};
  uint64_t seed = 1;
  bool detached_writer = true; // false under the test scheduler
};

// `applied` is what the state store holds. Fails when the log on disk contradicts itself or the state.
result<raft_handle> spawn_raft_actor(caf::actor_system& system, log_store& log, raft_index applied, raft_setup setup, std::shared_ptr<node_status> status);

} // namespace actord
