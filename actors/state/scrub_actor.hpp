// Reads the whole state through, page by page, while it is served: soon after the start and then every so often. What was
// damaged meanwhile is found before it spreads into a snapshot, and is noted (state_store::note_damage).
// Owns: the walk that is under way. Talks to: nobody. Spawned by: boot. Dies with: the node.
// Timers: one, for the next portion or the next walk. Flooded: a scrub_now during a walk that hurries changes nothing.
#pragma once
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <chrono>
#include <cstdint>

namespace actord {

class state_store;

struct scrub_now {}; // there is a reason: read it through at once, without pauses

// A portion takes about half a millisecond, so a pause of 5 ms is a tenth of a core and 50 MB/s. The first walk goes faster:
// until it is through, damage from before the start may be served from a large state. While writers are at work there are
// no pauses: the file grows by what they set free meanwhile.
struct scrub_policy {
  std::chrono::milliseconds interval{3'600'000};
  uint64_t portion = 256 << 10; // bytes
  std::chrono::milliseconds pause{5}, first_pause{1};
  uint64_t busy_writes = 64; // transactions since the walk began
};

caf::actor spawn_scrub_actor(caf::actor_system& system, state_store& store, scrub_policy policy = {});

} // namespace actord

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::scrub_now)
