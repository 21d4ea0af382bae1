// Wakes exactly those who wait for what changed.
// Owns: the watch table. Talks to: the sinks of watches (loop actors, the session actor). Spawned by: boot. Dies with: the node.
// Timers: none. Flooded: a watch costs about 300 bytes; the HTTP front bounds how many it sets.
#pragma once
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include <caf/actor_system.hpp>

namespace actord {

watch_handle spawn_watch_actor(caf::actor_system& system, std::shared_ptr<node_status> status);

} // namespace actord
