#include "actors/state/state_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/state/store.hpp"
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <chrono>
#include <map>

namespace actord {
namespace {

struct apply_state {
  static inline const char* name = "state";
  using pointer = state_handle::stateful_pointer<apply_state>;

  apply_state(pointer p) : self(p) {}
  pointer self;
  state_store* store = nullptr;
  raft_handle raft;
  watch_handle watch;
  std::shared_ptr<node_status> status;
  std::vector<committed_entry> waiting; // committed, not applied: the disk was full
  std::optional<state_install> installing; // comes before what waits
  bool retrying = false;
  std::vector<log_command> commands; // kept for their memory
  std::vector<apply_result> results;

  // By the command's kind. Entries are applied together, so that each is told an equal share of the time they took.
  static telemetry::series* sample_of(std::string_view command) {
    static auto &registered = telemetry::sample("fsm.register"), &deregistered = telemetry::sample("fsm.deregister"),
                &kv = telemetry::sample("fsm.kvs"), &tombstone = telemetry::sample("fsm.tombstone"),
                &txn = telemetry::sample("fsm.txn"), &session = telemetry::sample("fsm.session"),
                &coordinates = telemetry::sample("fsm.coordinate.batch-update");
    if (command.empty()) return nullptr;
    switch (static_cast<command_kind>(command[0])) {
    case command_kind::catalog_register: return &registered;
    case command_kind::catalog_deregister: return &deregistered;
    case command_kind::kv: return &kv;
    case command_kind::tombstone_reap: return &tombstone;
    case command_kind::txn: return &txn;
    case command_kind::session: return &session;
    case command_kind::coordinate_batch_update: return &coordinates;
    default: return nullptr;
    }
  }

  void measure(std::chrono::steady_clock::duration took) {
    const double each = std::chrono::duration<double, std::milli>(took).count() / static_cast<double>(commands.size());
    for (auto& c : commands)
      if (auto sample = sample_of(c.bytes)) sample->record(each);
  }

  void committed(entries_committed& c) {
    if (waiting.empty()) waiting = std::move(c.entries);
    else waiting.insert(waiting.end(), std::make_move_iterator(c.entries.begin()), std::make_move_iterator(c.entries.end()));
    if (!retrying) apply();
  }

  // Another server's state in place of this one. What waited here is inside of it; what its proposers would have been
  // told is lost with the entries.
  void install(state_install& i) {
    for (auto& e : waiting) {
      if (!e.reply_to) continue;
      proposals_done done{{{e.id, {}}}};
      done.outcomes[0].result.failure = {errc::unknown_outcome, "leadership lost while committing log"};
      caf::anon_send(caf::actor_cast<caf::actor>(e.reply_to), std::move(done));
    }
    waiting.clear();
    installing = std::move(i);
    if (!retrying) apply();
  }

  bool installed() {
    auto changes = store->install_snapshot(installing->path);
    if (!changes) {
      log::err("agent.server.fsm", "cannot install the snapshot, will try again: error=\"{}\"", changes.err().text);
      retrying = true;
      self->delayed_send(self, std::chrono::milliseconds(200), apply_retry{});
      return false;
    }
    const auto index = installing->index;
    installing.reset();
    status->applied.store(index.v);
    log::info("agent.server.fsm", "installed a snapshot: index={}", index.v);
    publish(std::move(*changes));
    self->send(raft, entries_applied{index});
    return true;
  }

  void apply() {
    if (installing && !installed()) return;
    if (waiting.empty()) return;
    commands.clear();
    results.clear();
    for (auto& e : waiting) commands.push_back({e.index, e.command ? std::string_view(*e.command) : std::string_view()});
    const auto began = std::chrono::steady_clock::now();
    auto changes = store->apply(commands, results);
    if (!changes) {
      log::err("agent.server.fsm", "cannot apply entries, will try again: error=\"{}\"", changes.err().text);
      retrying = true;
      self->delayed_send(self, std::chrono::milliseconds(200), apply_retry{});
      return;
    }
    measure(std::chrono::steady_clock::now() - began);
    auto last = waiting.back().index;
    status->applied.store(last.v);
    static auto& applied = telemetry::gauge("raft.applied_index");
    applied.set(static_cast<double>(last.v));
    store->delays().note(changes->released, self->clock().now());
    publish(std::move(*changes));
    answer();
    waiting.clear();
    self->send(raft, entries_applied{last});
  }

  void publish(change_set&& changes) {
    if (changes.topics.empty() && !changes.everything) return;
    if (status->watchers.load() == 0) {
      status->unpublished.store(changes.index.v);
      if (status->watchers.load() == 0) return;
    }
    self->send(watch, state_changed{std::make_shared<const change_set>(std::move(changes))});
  }

  void answer() {
    // Nearly always all of a batch came from one or two I/O threads.
    std::vector<std::pair<caf::strong_actor_ptr, proposals_done>> out;
    for (size_t i = 0; i < waiting.size(); ++i) {
      auto& e = waiting[i];
      if (!e.reply_to) continue;
      auto at = std::find_if(out.begin(), out.end(), [&](auto& o) { return o.first == e.reply_to; });
      if (at == out.end()) at = out.insert(out.end(), {e.reply_to, {}});
      at->second.outcomes.push_back({e.id, std::move(results[i])});
    }
    for (auto& [sink, done] : out) caf::anon_send(caf::actor_cast<caf::actor>(sink), std::move(done));
  }
};

state_handle::behavior_type state_behavior(apply_state::pointer self, state_store* store, raft_handle raft, watch_handle watch, std::shared_ptr<node_status> status) {
  self->state.store = store;
  self->state.raft = std::move(raft);
  self->state.watch = std::move(watch);
  self->state.status = std::move(status);
  return {
      [self](entries_committed& c) { self->state.committed(c); },
      [self](state_install& i) { self->state.install(i); },
      [self](apply_retry) {
        self->state.retrying = false;
        self->state.apply();
      },
  };
}

} // namespace

state_handle spawn_state_actor(caf::actor_system& system, state_store& store, raft_handle raft, watch_handle watch, std::shared_ptr<node_status> status) {
  return system.spawn(state_behavior, &store, std::move(raft), std::move(watch), std::move(status));
}

} // namespace actord
