#include "actors/session/session_actor.hpp"
#include "actors/session/core/session_core.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/own_commands.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace actord {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view subsystem = "agent.server.session";
constexpr auto poll = 250ms;
constexpr nanos reap_interval = 1s, reap_patience = 15s;
constexpr size_t reap_batch = 1024;

struct session_state {
  static inline const char* name = "session";
  using pointer = session_handle::stateful_pointer<session_state>;

  session_state(pointer p) : self(p) {}
  pointer self;
  session_deps deps;
  std::unique_ptr<reader> views;
  session::session_core core;
  uint64_t led_term = 0; // 0: does not lead
  bool look_soon = false;
  bool unread = false; // the last look failed: who is there, and who renewed, is not known
  uint64_t watch_id = 0, next_id = 1, reap_id = 0;
  nanos reap_at{0};
  struct end { std::string session; nanos since; };
  std::map<uint64_t, end> ending; // by proposal
  telemetry::gauge_value& active = telemetry::gauge("session_ttl.active");

  nanos now() const { return std::chrono::duration_cast<nanos>(self->clock().now().time_since_epoch()); }
  caf::strong_actor_ptr me() { return caf::actor_cast<caf::strong_actor_ptr>(self); }

  void tick() {
    self->delayed_send(self, poll, session_ticked{});
    const auto term = deps.status->leader.load() ? std::max<uint64_t>(deps.status->term.load(), 1) : 0;
    if (term != led_term) {
      step_down(); // others may have led in between, and given sessions their time
      if (term != 0) take_over(term);
    }
    if (deps.store->delays().any()) deps.store->delays().begin(self->clock().now());
    if (led_term == 0) return;
    if (look_soon) look();
    if (!unread) end_expired();
    reap_delays();
  }

  void take_over(uint64_t term) {
    led_term = term;
    look();
  }

  void step_down() {
    led_term = 0;
    look_soon = unread = false;
    if (!broken(rule::leader_gives_time)) core.forget_all();
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
      unread = view.failed();
    }
    if (unread) return void(look_soon = true);
    core.observe(all, now());
    active.set(static_cast<double>(core.size()));
    w.id = watch_id = next_id++;
    w.sink = me();
    self->send(deps.watch, std::move(w));
  }

  void fired(const watch_fired& f) {
    if (led_term == 0 || std::find(f.ids.begin(), f.ids.end(), watch_id) == f.ids.end()) return;
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
      ending.emplace(next_id++, end{id, now()});
    }
    if (p.batch.empty()) return;
    p.reply_to = me();
    caf::anon_send(deps.router, leader_proposals{led_term, std::move(p)});
  }

  // The records of lock delays that are over, so that they do not gather.
  void reap_delays() {
    if (now() < reap_at || !deps.store->delays().any()) return;
    lock_delay_request r;
    r.datacenter = deps.datacenter;
    for (auto& d : deps.store->delays().over(self->clock().now(), reap_batch)) r.ended.push_back({std::move(d.key), d.index});
    reap_at = now() + (r.ended.empty() ? reap_interval : reap_patience);
    if (r.ended.empty()) return;
    reap_id = next_id++;
    proposals p;
    p.batch.push_back({reap_id, encode_command(lock_delay_reap, r)});
    p.reply_to = me();
    caf::anon_send(deps.router, leader_proposals{led_term, std::move(p)});
  }

  void ended(const proposals_done& d) {
    for (auto& o : d.outcomes) {
      if (o.id == reap_id) reap_at = now() + reap_interval;
      auto at = ending.find(o.id);
      if (at == ending.end()) continue;
      if (o.result.failure.code != errc::none) {
        log::err(subsystem, "invalidation failed: session={} error=\"{}\"", at->second.session, o.result.failure.text);
        if (!broken(rule::end_is_tried_again)) core.failed(at->second.session, now());
      }
      static auto& took = telemetry::sample("session_ttl.invalidate");
      took.record(std::chrono::duration<double, std::milli>(now() - at->second.since).count());
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
      [s](const session_renewed& r) { if (!broken(rule::renewal_counts)) s->core.renewed(r.id, s->now()); },
      [s](const watch_fired& f) { s->fired(f); },
      [s](const proposals_done& d) { s->ended(d); },
  };
}

} // namespace

session_handle spawn_session_actor(caf::actor_system& system, session_deps deps) { return system.spawn(session_behavior, std::move(deps)); }

} // namespace actord
