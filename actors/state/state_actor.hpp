// The only writer of the state store: applies committed entries in order, one write transaction per batch.
// Owns: the right to call state_store::apply. Talks to: proposers (their outcomes), the watch actor (what changed), the
// raft actor (how far it is). Spawned by: boot. Dies with: the node.
// Timers: a retry while the disk is full; who proposed what waits for it is told so. Flooded: the raft core bounds what is committed and not yet applied.
#pragma once
#include "actors/interfaces/raft.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include <caf/actor_system.hpp>
#include <memory>

namespace actord {

class state_store;
class write_times;

state_handle spawn_state_actor(caf::actor_system& system, state_store& store, raft_handle raft, watch_handle watch, std::shared_ptr<node_status> status,
                               std::shared_ptr<write_times> writes = nullptr); // hears when the disk refuses

} // namespace actord
