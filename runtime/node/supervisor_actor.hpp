// Notices when an actor that the node cannot live without has died, and ends the process then: a server that cannot write
// its log or apply it must not go on answering.
// Owns: monitors of the core actors. Talks to: nobody. Spawned by: boot. Dies with: the node. Timers: none.
#pragma once
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace actord {

using watched_actor = std::pair<std::string, caf::strong_actor_ptr>;
// `died` is called once, with the name of the first one to die; boot turns it into the end of the process.
caf::actor spawn_supervisor(caf::actor_system& system, std::vector<watched_actor> watched, std::function<void(std::string)> died);

} // namespace actord
