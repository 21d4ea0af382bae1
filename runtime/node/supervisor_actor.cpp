#include "runtime/node/supervisor_actor.hpp"
#include <caf/event_based_actor.hpp>

namespace actord {

namespace {

caf::behavior supervisor_behavior(caf::event_based_actor* self, std::vector<watched_actor> watched, std::function<void(std::string)> died) {
  for (auto& [name, handle] : watched)
    if (handle) self->monitor(caf::actor_cast<caf::actor>(handle));
  self->set_down_handler([self, watched = std::move(watched), died = std::move(died)](caf::down_msg& down) {
    for (auto& [name, handle] : watched)
      if (handle && handle->address() == down.source) return died(name + ": " + self->system().render(down.reason));
  });
  return {[](caf::unit_t) {}};
}

} // namespace

// As arguments, not as a capture: CAF 0.17 reads the arguments of a function through a null pointer when there are none.
caf::actor spawn_supervisor(caf::actor_system& system, std::vector<watched_actor> watched, std::function<void(std::string)> died) {
  return system.spawn(supervisor_behavior, std::move(watched), std::move(died));
}

} // namespace actord
