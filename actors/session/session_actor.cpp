#include "actors/session/session_actor.hpp"
#include "actors/session/core/session_core.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view subsystem = "agent.server.session";
constexpr auto poll = 250ms;

struct session_state {
  static inline const char* name = "session";
  using pointer = session_handle::stateful_pointer<session_state>;

  session_state(pointer p) : self(p) {}
  pointer self;
  session_deps deps;
  std::unique_ptr<reader> views;
  session::session_core core;
  bool leading = false, look_soon = false;
  uint64_t watch_id = 0, next_id = 1;
  std::map<uint64_t, std::string> ending; // by proposal
  telemetry::gauge_value& active = telemetry::gauge("session_ttl.active");

  nanos now() const { return std::chrono::duration_cast<nanos>(self->clock().now().time_since_epoch()); }
  caf::strong_actor_ptr me() { return caf::actor_cast<caf::strong_actor_ptr>(self); }

  void tick() {
    self->delayed_send(self, poll, session_ticked{});
    const bool leads = deps.status->leader.load();
    if (leads != leading) leads ? take_over() : step_down();
    if (!leading) return;
    if (look_soon) look();
    end_expired();
  }

  void take_over() {
    leading = true;
    core.forget_all();
    look();
  }

  void step_down() {
    leading = false;
    look_soon = false;
    core.forget_all();
    ending.clear();
    if (watch_id != 0) self->send(deps.watch, watch_remove{{watch_id}, me()});
    watch_id = 0;
    active.set(0);
  }

  void look() {
    look_soon = false;
    std::vector<session::timed_session> all;
    watch_add w;
    query_meta meta;
    meta.topics = &w.topics;
    {
      auto view = views->open();
      for (auto& s : view.sessions("", meta))
        if (auto ttl = parse_duration(s.ttl); ttl && ttl->count() > 0) all.push_back({s.id, *ttl});
      w.seen = view.applied_index();
    }
    core.observe(all, now());
    active.set(static_cast<double>(core.size()));
    w.id = watch_id = next_id++;
    w.sink = me();
    self->send(deps.watch, std::move(w));
  }

  void fired(const watch_fired& f) {
    if (!leading || std::find(f.ids.begin(), f.ids.end(), watch_id) == f.ids.end()) return;
    look_soon = true; // many sessions at once are looked at together, by the next tick
  }

  void end_expired() {
    proposals p;
    for (auto& id : core.expired(now())) {
      log::debug(subsystem, "Session TTL expired: session={}", id);
      session_request r;
      r.datacenter = deps.datacenter;
      r.op = session_destroy;
      r.session.id = id;
      p.batch.push_back({next_id, encode_command(command_kind::session, r)});
      ending.emplace(next_id++, id);
    }
    if (p.batch.empty()) return;
    p.reply_to = me();
    caf::anon_send(deps.router, std::move(p));
  }

  void ended(const proposals_done& d) {
    for (auto& o : d.outcomes) {
      auto at = ending.find(o.id);
      if (at == ending.end()) continue;
      if (o.result.failure.code != errc::none) {
        log::err(subsystem, "invalidation failed: session={} error=\"{}\"", at->second, o.result.failure.text);
        core.failed(at->second, now());
      }
      ending.erase(at);
    }
  }
};

session_handle::behavior_type session_behavior(session_state::pointer self, session_deps deps) {
  auto* s = &self->state;
  s->deps = std::move(deps);
  s->views = std::make_unique<reader>(*s->deps.store);
  self->send(self, session_ticked{});
  return {
      [s](session_ticked) { s->tick(); },
      [s](const session_renewed& r) { s->core.renewed(r.id, s->now()); },
      [s](const watch_fired& f) { s->fired(f); },
      [s](const proposals_done& d) { s->ended(d); },
  };
}

} // namespace

session_handle spawn_session_actor(caf::actor_system& system, session_deps deps) { return system.spawn(session_behavior, std::move(deps)); }

} // namespace actord
