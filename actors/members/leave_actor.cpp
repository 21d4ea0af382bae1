#include "actors/members/leave_actor.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/log.hpp"
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <vector>

namespace actord::members {

struct node_stops {}; // own timer

} // namespace actord::members

ACTORD_LOCAL_MESSAGE(actord::members::node_stops)

namespace actord::members {

namespace {

constexpr auto most_leave_time = std::chrono::seconds(20);     // two broadcasts of at most 5 s, 5 s for a join under way, 3 s for the news to spread
constexpr auto answer_takes = std::chrono::milliseconds(50);   // a front that stops before would cut it off

struct leave_state {
  static inline const char* name = "leave";
  leave_setup setup;
  std::vector<caf::typed_response_promise<agent_done>> waiting;
  size_t pools = 0; // that are still being left
  bool begun = false;
};

using inside = leave_handle::extend<caf::reacts_to<node_stops>>;
using pointer = inside::stateful_pointer<leave_state>;

void left_one(pointer self) {
  auto& s = self->state;
  if (--s.pools > 0) return;
  for (auto& p : std::exchange(s.waiting, {})) p.deliver(agent_done{});
  if (s.setup.stop_node) self->delayed_send(self, answer_takes, node_stops{});
}

// Both at once: whichever takes long, the others of the other pool know.
void begin(pointer self) {
  auto& s = self->state;
  log::info("agent", "Leaving: the agent stops");
  if (s.setup.leaving) s.setup.leaving->store(true);
  s.pools = 1;
  for (const auto& pool : {s.setup.wan, s.setup.lan}) {
    if (!pool) continue;
    ++s.pools;
    self->request(pool, most_leave_time, pool_leave{})
        .then([self](const agent_done&) { left_one(self); },
              [self](const caf::error& e) {
                log::warn("agent", "leaving a pool took too long: error=\"{}\"", self->system().render(e));
                left_one(self);
              });
  }
  left_one(self);
}

inside::behavior_type leave_behavior(pointer self, leave_setup setup) {
  self->state.setup = std::move(setup);
  return {
      [self](agent_leave) -> caf::result<agent_done> {
        auto& s = self->state;
        if (s.begun && s.pools == 0) return agent_done{};
        auto promise = self->make_response_promise<agent_done>();
        s.waiting.push_back(promise);
        if (!std::exchange(s.begun, true)) begin(self);
        return promise;
      },
      [self](node_stops) { self->state.setup.stop_node(); },
  };
}

} // namespace

leave_handle spawn_leave(caf::actor_system& system, leave_setup setup) {
  return caf::actor_cast<leave_handle>(system.spawn(leave_behavior, std::move(setup)));
}

} // namespace actord::members
