#include "actors/agent/agent_actor.hpp"
#include "actors/agent/agent_state.hpp"
#include "runtime/base/log.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

namespace actord {

namespace agent {

// Owns nothing but a thread to block in. Dies with the agent.
caf::behavior persister(persister_self self, std::string data_dir, caf::strong_actor_ptr agent) {
  const auto weak = caf::actor_cast<caf::actor_addr>(agent); // a strong handle would keep the agent for ever
  return {[self, data_dir, weak](const files_write& m) {
            if (auto s = write_durably(data_dir, m.batch->changes); !s) m.batch->failure = s.err();
            if (auto to = caf::actor_cast<caf::actor>(weak)) self->send(to, journal_settled{m.sequence});
          }};
}

agent_handle::behavior_type agent_behavior(agent_self self, const node_config& config, agent_deps deps, const std::shared_ptr<error>& failed) {
  auto* s = &self->state;
  const auto began = deps.simulated ? deps.simulated->began : nullptr;
  *failed = s->begin(config, std::move(deps));
  if (began) began(*failed);
  return {
      [s](service_add& m) { return s->add_service(m); },
      [s](const service_remove& m) { return s->when_settled(s->remove_service(m)); },
      [s](check_add& m) { return s->add_check(m); },
      [s](const check_remove& m) { return s->when_settled(s->remove_check(m)); },
      [s](check_ttl_update& m) { return s->when_settled(s->update_ttl(m)); },
      [s](const maintenance_set& m) { return s->when_settled(s->set_maintenance(m)); },
      [s](agent_reload) { return s->reload(); },
      [s](service_watch& m) { return s->watch_service(m); },
      [s](check_results& m) { s->checks_ran(m); },
      [s](const proposals_done& m) { s->catalog_answered(m); },
      [s](agent_ticked m) { s->ticked(m.generation); },
      [s](journal_settled m) { s->files_settled(m.sequence); },
      [s](journal_flush) { s->flush(); },
  };
}

} // namespace agent

result<agent_handle> spawn_agent(caf::actor_system& system, const node_config& config, agent_deps deps) {
  auto failed = std::make_shared<error>();
  if (deps.simulated) return system.spawn(agent::agent_behavior, config, std::move(deps), failed);
  // A thread of its own: a registration is answered once the journal is synced, and a sync blocks.
  auto handle = system.spawn<caf::detached>(agent::agent_behavior, config, std::move(deps), failed);
  // An actor begins when it is first scheduled: wait for its first answer, so that the board is filled.
  caf::scoped_actor self{system};
  self->request(handle, caf::infinite, service_watch{}).receive([](const agent_done&) {}, [&](const caf::error&) {
    if (failed->code == errc::none) *failed = error(errc::internal, "the agent ended while it started");
  });
  if (failed->code == errc::none) return handle;
  caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  return *failed;
}

} // namespace actord
