// Makes the Raft log durable: group commit, one synced write for all that waits (thesis 10.2.1).
// Owns: the right to write to the log store. Talks to: the raft actor. Spawned by: the raft actor, detached in production
// because a sync blocks. Dies with: the raft actor. Timers: a retry while the disk is full, a pause between pieces that are cut, and when
// the log's journal is to be settled.
// Flooded: the raft core bounds the bytes that are not yet committed.
#pragma once
#include "actors/interfaces/raft.hpp"
#include <caf/actor_system.hpp>

namespace actord {

class log_store;

log_writer_handle spawn_log_writer(caf::actor_system& system, log_store& store, raft_handle raft, bool detached = true);

} // namespace actord
