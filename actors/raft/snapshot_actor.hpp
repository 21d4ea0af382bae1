// Decides when the log has grown enough, has the state written out as a durable snapshot, and then lets the log be cut.
// Owns: nothing. Talks to: the raft actor. Spawned by: boot, detached in production because writing a snapshot takes long.
// Dies with: the node. Timers: one check per raft_snapshot_interval. Flooded: gets no message but its own timer.
#pragma once
#include "actors/interfaces/raft.hpp"
#include "runtime/base/duration.hpp"
#include <atomic>
#include <caf/actor_system.hpp>
#include <memory>

namespace actord {

class state_store;
class log_store;

struct snapshot_policy {
  nanos interval{30'000'000'000};
  uint64_t threshold = 16384;        // entries since the last snapshot
  uint64_t trailing = 10240;         // entries left in the log behind a snapshot, for followers
  uint64_t least_bytes = 16U << 20;  // and the log holds at least this much, so that a small log is never rewritten for nothing
  std::shared_ptr<std::atomic<bool>> doubt; // set by who sent the newest snapshot without success: it is read through soon; null: nobody sends
};

snapshot_handle spawn_snapshot_actor(caf::actor_system& system, state_store& store, log_store& log, raft_handle raft, snapshot_policy policy, bool detached = true);

} // namespace actord
