#include "actors/state/scrub_actor.hpp"
#include "actors/messages/messages.hpp"
#include "runtime/base/log.hpp"
#include "storage/state/verification.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <utility>

namespace actord {
struct scrub_ticked {
  uint64_t number; // of the wait: a later one makes it void
};
} // namespace actord
ACTORD_LOCAL_MESSAGE(actord::scrub_ticked)

namespace actord {
namespace {

constexpr std::string_view subsystem = "agent.server.state";

struct scrub_state {
  static inline const char* name = "scrub";
  using pointer = caf::stateful_actor<scrub_state>*;

  pointer self = nullptr;
  state_store* store = nullptr;
  scrub_policy policy;
  std::unique_ptr<state_verification> walk;
  bool first = true, asked = false;
  uint64_t waits = 0;

  void wait(std::chrono::milliseconds time) {
    if (time.count() == 0) self->send(self, scrub_ticked{++waits});
    else self->delayed_send(self, time, scrub_ticked{++waits});
  }

  void now() {
    if (std::exchange(asked, true)) return;
    walk.reset(); // what it has read was read before there was a reason
    wait(std::chrono::milliseconds(0));
  }

  void tick() {
    if (store->is_damaged()) return;
    if (!walk) {
      auto begun = state_verification::begin(*store);
      if (!begun) return failed(begun.err());
      walk = std::move(*begun);
    }
    auto done = walk->go(policy.portion);
    if (!done) return failed(done.err());
    if (!*done) {
      const bool hurry = asked || walk->writes_since() > policy.busy_writes;
      return wait(hurry ? std::chrono::milliseconds(0) : first ? policy.first_pause : policy.pause);
    }
    log::debug(subsystem, "the state was read through and is sound: bytes={}", walk->bytes_read());
    if (asked) log::warn(subsystem, "the state was read through and is as it was written: bytes={}", walk->bytes_read());
    walk.reset();
    first = asked = false;
    wait(policy.interval);
  }

  void failed(const error& e) {
    walk.reset();
    if (e.code == errc::corrupt) return store->note_damage(e.text);
    log::warn(subsystem, "cannot read the state through, will try again: error=\"{}\"", e.text);
    wait(std::chrono::seconds(60));
  }
};

caf::behavior scrub_behavior(scrub_state::pointer self, state_store* store, scrub_policy policy) {
  self->state.self = self;
  self->state.store = store;
  self->state.policy = policy;
  self->state.wait(std::chrono::milliseconds(1));
  return {
      [self](scrub_ticked t) {
        if (t.number == self->state.waits) self->state.tick();
      },
      [self](scrub_now) { self->state.now(); },
  };
}

} // namespace

caf::actor spawn_scrub_actor(caf::actor_system& system, state_store& store, scrub_policy policy) {
  return system.spawn(scrub_behavior, &store, policy);
}

} // namespace actord
