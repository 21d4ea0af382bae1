#include "runtime/node/supervisor_actor.hpp"
#include <caf/event_based_actor.hpp>

namespace actord {

caf::actor spawn_supervisor(caf::actor_system& system, std::vector<watched_actor> watched, std::function<void(std::string)> died) {
  return system.spawn([watched = std::move(watched), died = std::move(died)](caf::event_based_actor* self) -> caf::behavior {
    for (auto& [name, handle] : watched) self->monitor(caf::actor_cast<caf::actor>(handle));
    self->set_down_handler([=](caf::down_msg& down) {
      for (auto& [name, handle] : watched)
        if (handle->address() == down.source) return died(name + ": " + self->system().render(down.reason));
    });
    return {[](caf::unit_t) {}};
  });
}

} // namespace actord
