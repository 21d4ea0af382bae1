#include "actors/members/join_actor.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/duration.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/secrets.hpp"
#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::members {

struct try_again {}; // own timer

} // namespace actord::members

ACTORD_LOCAL_MESSAGE(actord::members::try_again)

namespace actord::members {

namespace {

struct join_state {
  static inline const char* name = "join";
  pool_handle pool;
  join_setup setup;
  int attempts = 0;
};

using pointer = caf::stateful_actor<join_state>*;

// The other servers of a new cluster are started within seconds of one another, so the first attempts follow sooner on one
// another; not when they are counted, since operators mean a time by that.
nanos pause_after(const join_state& s) {
  if (s.setup.most_attempts > 0) return s.setup.interval;
  return std::min(s.setup.interval, nanos(std::chrono::seconds(1)) * (1 << std::min(s.attempts - 1, 10)));
}

void failed(pointer self, const std::string& why) {
  auto& s = self->state;
  log::warn("agent", "({}) couldn't join: number_of_nodes=0 error=\"{}\"", s.setup.cluster, why);
  if (s.setup.most_attempts > 0 && s.attempts > s.setup.most_attempts) {
    log::err("agent", "max join {} retry exhausted, exiting", s.setup.cluster);
    if (s.setup.give_up) s.setup.give_up();
    return self->quit();
  }
  if (broken(rule::join_tried_again)) return self->quit();
  const auto pause = pause_after(s);
  log::warn("agent", "Join cluster failed, will retry: cluster={} retry_interval={} error=\"{}\"", s.setup.cluster, format_duration(pause), why);
  self->delayed_send(self, pause, try_again{});
}

void attempt(pointer self) {
  auto& s = self->state;
  ++s.attempts;
  std::string list;
  for (const auto& a : s.setup.addresses) list += (list.empty() ? "" : ", ") + hide_secrets(a);
  log::info("agent", "({}) joining: addresses=[{}]", s.setup.cluster, list);
  self->request(s.pool, caf::infinite, pool_join{s.setup.addresses})
      .then(
          [self](const pool_joined& j) {
            auto& state = self->state;
            if (j.reached == 0) return failed(self, j.failure.text);
            log::info("agent", "({}) joined: number_of_nodes={}", state.setup.cluster, j.reached);
            log::info("agent", "Join cluster completed. Synced with initial agents: cluster={} num_agents={}", state.setup.cluster, j.reached);
            self->quit();
          },
          [self](const caf::error&) { self->quit(); }); // the pool is gone, and with it the node
}

caf::behavior join_behavior(pointer self, pool_handle pool, join_setup setup) {
  self->state.pool = std::move(pool);
  self->state.setup = std::move(setup);
  log::info("agent", "Joining cluster...: cluster={}", self->state.setup.cluster);
  attempt(self);
  return {[self](try_again) { attempt(self); }};
}

} // namespace

caf::actor spawn_join(caf::actor_system& system, pool_handle pool, join_setup setup) {
  return system.spawn(join_behavior, std::move(pool), std::move(setup));
}

} // namespace actord::members
