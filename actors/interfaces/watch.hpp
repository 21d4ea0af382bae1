// The handle of the one who knows who waits for what.
#pragma once
#include <caf/typed_actor.hpp>

namespace actord {

struct state_changed; struct watch_add; struct watch_remove;

using watch_handle = caf::typed_actor<
    caf::reacts_to<watch_add>,        // wake me once when one of these topics changes
    caf::reacts_to<watch_remove>,     // I do not wait any more
    caf::reacts_to<state_changed>>;   // the state actor: this has changed

} // namespace actord
