#include "actors/raft/snapshot_actor.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord {
namespace {

struct snapshot_state {
  static inline const char* name = "snapshot";
  using pointer = snapshot_handle::stateful_pointer<snapshot_state>;

  snapshot_state(pointer p) : self(p) {}
  pointer self;
  state_store* store = nullptr;
  log_store* log = nullptr;
  raft_handle raft;
  snapshot_policy policy;

  void arm() { self->delayed_send(self, policy.interval, snapshot_tick{}); }

  void tick() {
    arm();
    auto applied = store->applied_index().v, last = store->snapshot_index().v;
    if (applied < last + policy.threshold || log->bytes_since_cut() < policy.least_bytes) return;
    if (broken(rule::cut_behind_snapshot)) return self->send(raft, log_cut_wanted{raft_index{applied}});
    auto written = store->write_snapshot();
    if (!written) {
      log::err("agent.server.snapshot", "failed to write a snapshot: error=\"{}\"", written.err().text);
      return;
    }
    log::info("agent.server.snapshot", "wrote a snapshot: index={}", written->v);
    if (written->v > policy.trailing) self->send(raft, log_cut_wanted{raft_index{written->v - policy.trailing}});
  }
};

snapshot_handle::behavior_type snapshot_behavior(snapshot_state::pointer self, state_store* store, log_store* log, raft_handle raft, snapshot_policy policy) {
  self->state.store = store;
  self->state.log = log;
  self->state.raft = std::move(raft);
  self->state.policy = policy;
  self->state.arm();
  return {[self](snapshot_tick) { self->state.tick(); }};
}

} // namespace

snapshot_handle spawn_snapshot_actor(caf::actor_system& system, state_store& store, log_store& log, raft_handle raft, snapshot_policy policy, bool detached) {
  if (!detached) return system.spawn(snapshot_behavior, &store, &log, std::move(raft), policy);
  return system.spawn<caf::detached>(snapshot_behavior, &store, &log, std::move(raft), policy);
}

} // namespace actord
