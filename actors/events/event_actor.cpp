#include "actors/events/event_actor.hpp"
#include "actors/events/core/wire.hpp"
#include "actors/events/remote_exec.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/client_messages.hpp"
#include "runtime/base/log.hpp"
#include <caf/stateful_actor.hpp>
#include <algorithm>
#include <map>
#include <caf/typed_event_based_actor.hpp>

namespace actord {
namespace {

class events_state;
using events_self = events_handle::stateful_pointer<events_state>;

class events_state {
public:
  explicit events_state(events_self self) : self_(self) {}

  void begin(events_setup setup) {
    setup_ = std::move(setup);
    if (setup_.remote_exec && setup_.rpc)
      runner_ = std::make_unique<events::remote_exec>(self_->system(), setup_.rpc, events::exec_site{setup_.node_name, setup_.datacenter, setup_.token});
    if (setup_.lan) self_->send(setup_.lan, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(self_)});
  }
  void heard(const pool_news& news) {
    if (news.wan) return;
    bool changed = false;
    for (auto& e : news.events)
      if (e.name.starts_with(events::event_prefix)) changed |= take(e);
      else if (e.name == events::new_leader_event) new_leader(e.payload);
    if (!changed) return;
    setup_.board->publish(core_.list());
    for (auto& [until, promise] : waiters_) promise.deliver(event_turn{});
    waiters_.clear();
  }
  caf::result<event_turn> wait(const event_wait& m) {
    if (m.seen != setup_.board->look().number || m.patience <= nanos(0)) return event_turn{};
    auto promise = self_->make_response_promise<event_turn>();
    waiters_.emplace(now() + m.patience, promise);
    arm();
    return promise;
  }
  void ticked() {
    armed_for_ = nanos::max();
    for (const nanos at = now(); !waiters_.empty() && waiters_.begin()->first <= at; waiters_.erase(waiters_.begin())) waiters_.begin()->second.deliver(event_turn{});
    arm();
  }
  void knows_agent(const events_agent& m) { agent_ = m.agent; }

private:
  nanos now() const { return self_->clock().now().time_since_epoch(); }
  void arm() {
    const nanos earliest = waiters_.empty() ? nanos::max() : waiters_.begin()->first;
    if (earliest >= armed_for_) return; // a tick comes early enough, or nobody waits
    armed_for_ = earliest;
    self_->delayed_send(self_, std::max(earliest - now(), nanos(0)), events_ticked{});
  }
  // True when the list has changed.
  bool take(const members::user_event& gossiped) {
    auto event = events::decode_event(gossiped.payload);
    if (!event) return log::err("agent", "Failed to decode event: error=\"{}\"", event.err().text), false;
    event->ltime = gossiped.time;
    if (event->version > 1) log::warn("agent", "event version may have unsupported features: version={} event={}", event->version, event->name);
    auto v = events::concerns_us(*event, setup_.node_name, setup_.services ? setup_.services() : std::vector<events::local_service>());
    if (!v.complaint.empty()) log::err("agent", "{}", v.complaint);
    if (!v.ours) return false;
    if (event->name == events::exec_event) return execute(*event), false;
    log::debug("agent", "new event: event_name={} event_id={}", event->name, event->id);
    core_.add(std::move(*event));
    return true;
  }
  void execute(const user_event_record& e) {
    if (!runner_) return log::info("agent", "ignoring remote exec event, disabled.: event_name={} event_id={}", e.name, e.id);
    log::debug("agent", "received remote exec event: id={}", e.id);
    runner_->start(e.payload);
  }
  void new_leader(const std::string& who) {
    log::info("agent.server", "New leader elected: payload={}", who);
    if (agent_) caf::anon_send(caf::actor_cast<caf::actor>(agent_), agent_ticked{agent_compares_soon});
  }

  events_self self_;
  events_setup setup_;
  events::event_core core_;
  std::unique_ptr<events::remote_exec> runner_;
  caf::strong_actor_ptr agent_;
  std::multimap<nanos, caf::typed_response_promise<event_turn>> waiters_; // by when their time is up
  nanos armed_for_ = nanos::max();
};

} // namespace

events_handle spawn_events_actor(caf::actor_system& system, events_setup setup) {
  auto behaviour = [](events_self self, const std::shared_ptr<events_setup>& s) -> events_handle::behavior_type {
    self->state.begin(std::move(*s));
    auto* state = &self->state;
    return {[state](const pool_news& m) { state->heard(m); }, [state](const events_agent& m) { state->knows_agent(m); },
            [state](const event_wait& m) { return state->wait(m); }, [state](const events_ticked&) { state->ticked(); }};
  };
  auto board = setup.board;
  board->actor = system.spawn(behaviour, std::make_shared<events_setup>(std::move(setup)));
  return board->actor;
}

} // namespace actord
