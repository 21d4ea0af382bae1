#include "actors/raft/snapshot_actor.hpp"
#include "actors/messages/messages.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/duration.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/snapshot_pace.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

namespace actord {
namespace {

constexpr uint64_t first_rate = 16 << 20, highest_rate = 64 << 20; // bytes per second; nobody waits for more
constexpr nanos doubt_interval = std::chrono::seconds(1); // at which it is asked whether somebody doubts the newest snapshot
constexpr int64_t idle_us = 1'000'000; // of a log without writes: nobody is disturbed
constexpr int64_t longest_wait_us = 20'000; // until a copy looks at the log's writes again
constexpr nanos least_back_off = std::chrono::seconds(5), most_back_off = std::chrono::minutes(5);

struct snapshot_state {
  static inline const char* name = "snapshot";
  using pointer = snapshot_handle::stateful_pointer<snapshot_state>;

  snapshot_state(pointer p) : self(p) {}
  pointer self;
  state_store* store = nullptr;
  log_store* log = nullptr;
  raft_handle raft;
  snapshot_policy policy;
  std::optional<uint64_t> appended; // to the log when the last snapshot was written

  // What the log holds may be kept for followers long after a snapshot holds it, too.
  uint64_t grown() const { return appended ? log->bytes_appended() - *appended : log->bytes_since_cut(); }

  std::chrono::steady_clock::time_point look_at{}; // when the newest snapshot is read through next
  std::chrono::steady_clock::time_point due{};     // when the log is looked at next

  std::chrono::steady_clock::time_point try_at{}; // after one could not be written
  nanos back_off{0};

  // True when it is damaged or gone: another one is written at once, before the log is cut further.
  bool is_lost() {
    const auto now = self->clock().now();
    const auto path = store->snapshot_path();
    const bool gone = !path.empty() && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT && path == store->snapshot_path(); // not by a newer one
    if (now < look_at && !gone) return false;
    look_at = now + std::chrono::hours(1);
    auto s = store->verify_snapshot();
    if (!s) log::err("agent.server.snapshot", "the newest snapshot cannot be used: error=\"{}\"", s.err().text);
    return !s && (s.err().code == errc::corrupt || s.err().code == errc::not_found);
  }

  // A disk that is full, or fails, is not written to at each look.
  void failed(const error& why) {
    back_off = std::clamp<nanos>(back_off * 2, std::max<nanos>(policy.interval, least_back_off), std::max<nanos>(policy.interval, most_back_off));
    try_at = self->clock().now() + back_off;
    log::err("agent.server.snapshot", "failed to write a snapshot: error=\"{}\" again_in={}", why.text, format_duration(back_off));
  }

  bool paced = false; // by a thread of its own, which may wait
  write_baseline calm;

  static int64_t now_us() { return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

  // The disk is the log's first: how fast a copy goes follows from what the log's writes take meanwhile. Never below the lowest rate of a
  // snapshot_pace, so that it ends; as fast as it can while nobody writes.
  copy_turn turns() const {
    if (!paced) return {};
    const auto begin = now_us();
    const auto before = log->write_times();
    return [log = log, pace = snapshot_pace({.first = first_rate, .highest = highest_rate}, begin, calm.p99(), before), writes = before.total(), wrote = begin](uint64_t there, uint64_t next) mutable {
      for (;;) {
        const auto t = now_us(), since = log->writes_since();
        const auto times = log->write_times();
        if (since != 0 || std::exchange(writes, times.total()) != times.total()) wrote = t;
        if (t - wrote > idle_us) return;
        pace.look(t, times, since == 0 ? 0 : t - since, there);
        if (pace.take(t, next)) return;
        std::this_thread::sleep_for(std::chrono::microseconds(std::min<int64_t>(pace.wait_us(next), longest_wait_us)));
      }
    };
  }

  void arm() { self->delayed_send(self, policy.doubt ? std::min(policy.interval, doubt_interval) : policy.interval, snapshot_tick{}); }

  void tick() {
    arm();
    const bool doubted = policy.doubt && policy.doubt->exchange(false);
    const auto now = self->clock().now();
    if (doubted) look_at = now;
    if (!doubted && now < due) return;
    due = now + policy.interval - policy.interval / 8; // a tick may come early
    if (log->is_gone()) return; // a state without its log would be in the way of the next start
    calm.look(now_us(), log->write_times());
    const bool lost = is_lost();
    auto applied = store->applied_index().v, last = store->snapshot_index().v;
    // A log that was begun anew, or lost its snapshot: whoever needs what is not in it needs a snapshot, however little is written.
    // One of the state as it is helps only when the state has come that far: another server's may be on its way into it.
    const auto cut = log->compacted().first.v;
    const bool gap = cut > last && applied >= cut;
    if (self->clock().now() < try_at) return;
    if (!lost && !gap && (applied < last + policy.threshold || grown() < policy.least_bytes)) return;
    const auto before = log->bytes_appended();
    if (broken(rule::cut_behind_snapshot)) return self->send(raft, log_cut_wanted{raft_index{applied}});
    const auto began = std::chrono::steady_clock::now();
    auto written = store->write_snapshot(turns());
    calm.skip(now_us(), log->write_times());
    if (!written) return failed(written.err());
    back_off = nanos(0);
    appended = before;
    static auto& took = telemetry::sample("raft.snapshot.takeSnapshot");
    took.record(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    log::info("agent.server.snapshot", "wrote a snapshot: index={}", written->v);
    if (written->v > policy.trailing) self->send(raft, log_cut_wanted{raft_index{written->v - policy.trailing}});
  }
};

snapshot_handle::behavior_type snapshot_behavior(snapshot_state::pointer self, state_store* store, log_store* log, raft_handle raft, snapshot_policy policy, bool detached) {
  self->state.store = store;
  self->state.log = log;
  self->state.raft = std::move(raft);
  self->state.policy = policy;
  self->state.due = self->clock().now() + policy.interval - policy.interval / 8;
  self->state.paced = detached;
  self->state.arm();
  return {[self, detached, gives_way = false](snapshot_tick) mutable {
    if (detached && !std::exchange(gives_way, true)) lower_thread_priority();
    self->state.tick();
  }};
}

} // namespace

snapshot_handle spawn_snapshot_actor(caf::actor_system& system, state_store& store, log_store& log, raft_handle raft, snapshot_policy policy, bool detached) {
  if (!detached) return system.spawn(snapshot_behavior, &store, &log, std::move(raft), policy, false);
  return system.spawn<caf::detached>(snapshot_behavior, &store, &log, std::move(raft), policy, true);
}

} // namespace actord
