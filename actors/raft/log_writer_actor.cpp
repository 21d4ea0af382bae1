#include "actors/raft/log_writer_actor.hpp"
#include "actors/messages/messages.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/retry_pace.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/raft_log/log_store.hpp"
#include <caf/send.hpp>
#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <algorithm>
#include <chrono>

namespace actord {
namespace {

constexpr uint64_t cut_entries = 1000;
constexpr auto cut_pause = std::chrono::milliseconds(10);
constexpr auto settle_after = std::chrono::seconds(2); // what the journal of the log holds is in its database after that

struct writer_state {
  static inline const char* name = "log-writer";
  using pointer = log_writer_handle::stateful_pointer<writer_state>;

  writer_state(pointer p) : self(p) {}
  pointer self;
  log_store* store = nullptr;
  raft_handle raft;
  std::vector<log_write> pending;
  bool flush_queued = false;
  bool settle_queued = false; // a log_flush comes at `settle_at`, or came
  caf::actor_clock::time_point settle_at;
  retry_pace settle_pace{settle_after, std::chrono::seconds(30)};
  retry_pace pace{std::chrono::milliseconds(200), std::chrono::milliseconds(200)}; // who waits for a write waits for that

  void write(log_write& w) {
    if (broken(rule::sync_before_written)) self->send(raft, log_written{w.write_id, {}});
    pending.push_back(std::move(w));
    if (flush_queued) return;
    flush_queued = true;
    self->send(self, log_flush{}); // behind every write that is already in the mailbox
  }

  void flush() {
    flush_queued = false;
    if (!pending.empty() && !write_pending()) return;
    settle();
  }

  bool write_pending() {
    std::vector<log_batch> batches;
    batches.reserve(pending.size());
    for (auto& w : pending) {
      auto& b = batches.emplace_back();
      b.restore = w.restore;
      b.restore_members = w.restore_members;
      b.hard = w.hard;
      b.append.reserve(w.append.size());
      for (auto& e : w.append) b.append.push_back({e.index, e.term, e.kind, e.payload ? std::string_view(*e.payload) : std::string_view()});
    }
    if (auto s = store->write(batches); !s) {
      const auto pause = pace.failed(self->clock().now());
      if (pace.says()) log::err("agent.server.raft", "cannot write the log, trying again: error=\"{}\"", s.err().text);
      self->send(raft, log_written{0, s.err()});
      flush_queued = true;
      self->delayed_send(self, pause, log_flush{});
      return false;
    }
    pace.worked();
    auto last = pending.back().write_id;
    pending.clear();
    self->send(raft, log_written{last, {}});
    return true;
  }

  // Who waits for what was just written has heard by now; what comes meanwhile waits for a transaction.
  void settle() {
    const auto now = self->clock().now();
    const bool due = settle_queued && now >= settle_at;
    if (due) settle_queued = false;
    if (store->is_settled()) return;
    if (due || store->wants_to_settle()) {
      auto s = store->settle();
      if (s) return settle_pace.worked();
      // It stays in the journal, and writes go to the database by themselves until one of them has taken it over.
      settle_queued = true;
      settle_at = now + settle_pace.failed(now);
      self->delayed_send(self, settle_at - now, log_flush{});
      if (settle_pace.says()) log::warn("agent.server.raft", "the journal of the log cannot be settled, trying again: error=\"{}\"", s.err().text);
    } else if (!settle_queued) {
      settle_queued = true;
      settle_at = now + settle_after;
      self->delayed_send(self, settle_after, log_flush{});
    }
  }

  // A piece at a time, with pauses: each is a transaction with a sync of its own, and appends wait for it.
  void cut(raft_index upto) {
    const auto piece = std::min(upto, raft_index{store->compacted().first.v + cut_entries});
    const auto began = std::chrono::steady_clock::now();
    if (auto s = store->cut(piece); !s) return log::warn("agent.server.raft", "cannot cut the log: index={} error=\"{}\"", upto.v, s.err().text);
    static auto& took = telemetry::sample("raft.compactLogs");
    took.record(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    if (piece < upto && store->compacted().first < upto) self->delayed_send(self, cut_pause, log_cut{upto});
  }
};

log_writer_handle::behavior_type writer_behavior(writer_state::pointer self, log_store* store, raft_handle raft) {
  self->state.store = store;
  self->state.raft = std::move(raft);
  return {
      [self](log_write& w) { self->state.write(w); },
      [self](log_flush) { self->state.flush(); },
      [self](const log_cut& c) { self->state.cut(c.upto); },
  };
}

} // namespace

log_writer_handle spawn_log_writer(caf::actor_system& system, log_store& store, raft_handle raft, bool detached) {
  if (detached) return system.spawn<caf::detached>(writer_behavior, &store, std::move(raft));
  return system.spawn(writer_behavior, &store, std::move(raft));
}

} // namespace actord
