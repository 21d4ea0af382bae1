// Messages about user events, to the actor that hears them.
#pragma once
#include "actors/messages/pool_messages.hpp"
#include <caf/typed_actor.hpp>

namespace actord {

// From boot: the local agent exists; it is told of new leaders from now on.
struct events_agent {
  caf::strong_actor_ptr agent;
};
// Answer event_turn when the board's list is another than the one with this number, or when `patience` is over.
struct event_wait {
  uint64_t seen = 0;
  nanos patience{0};
};
struct event_turn {};
struct events_ticked {}; // own timer: somebody's patience is over

using events_handle = caf::typed_actor<
    caf::reacts_to<pool_news>,                        // the LAN pool: what happened
    caf::reacts_to<events_agent>,                     // boot: the local agent
    caf::replies_to<event_wait>::with<event_turn>,    // wait for the next event
    caf::reacts_to<events_ticked>>;                   // own timer

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::events_agent)
ACTORD_LOCAL_MESSAGE(actord::event_wait)
ACTORD_LOCAL_MESSAGE(actord::event_turn)
ACTORD_LOCAL_MESSAGE(actord::events_ticked)
