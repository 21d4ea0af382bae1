#include "actors/state/state_actor.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/write_times.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/retry_pace.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/operation.hpp"
#include "storage/command/row.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/store.hpp"
#include <algorithm>
#include <array>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <utility>

namespace actord {
namespace {

constexpr const char* later = "; it is in the log and is applied once that is possible";

struct apply_state {
  static inline const char* name = "state";
  using pointer = state_handle::stateful_pointer<apply_state>;

  apply_state(pointer p) : self(p) {}
  pointer self;
  state_store* store = nullptr;
  raft_handle raft;
  watch_handle watch;
  std::shared_ptr<node_status> status;
  std::shared_ptr<write_times> writes; // may be null
  std::vector<committed_entry> waiting; // committed, not applied: the disk was full
  std::optional<state_install> installing; // comes before what waits
  bool retrying = false;
  bool stopped = false; // what waits begins with a command of a newer version
  error refused; // why what waits was not applied, while that lasts
  // An install that fails may have copied much by then.
  retry_pace install_pace{std::chrono::milliseconds(200), std::chrono::seconds(30)}, apply_pace{std::chrono::milliseconds(200), std::chrono::seconds(1)};
  std::vector<log_command> commands; // kept for their memory
  std::vector<apply_result> results;

  // By the command's kind and, where it has some, its operation. Entries are applied together, so that each is told an equal
  // share of the time they took.
  static telemetry::series* sample_of(std::string_view command) {
    static const auto samples = [] {
      std::array<std::vector<telemetry::series*>, 256> out; // of each operation, in the row's order
      for (const auto* row : command_rows()) {
        auto& of = out[static_cast<uint8_t>(row->kind)];
        for (auto operation : row->operations) of.push_back(&telemetry::sample(row->applied, {{"op", std::string(operation)}}));
        if (row->operations.empty() && !row->applied.empty()) of.push_back(&telemetry::sample(row->applied));
      }
      return out;
    }();
    const auto* row = row_of(command);
    if (row == nullptr || row->applied.empty()) return nullptr;
    const auto& of = samples[static_cast<uint8_t>(row->kind)];
    if (row->operations.empty()) return of.front();
    const auto at = std::find(row->operations.begin(), row->operations.end(), op_of(command));
    return at == row->operations.end() ? nullptr : of[static_cast<size_t>(at - row->operations.begin())];
  }

  void note_refused(error why) {
    refused = std::move(why);
    if (writes) writes->note_state_refuses(refused.code != errc::none);
    if (refused.code != errc::none) tell_waiting(refused.text + later);
  }

  void measure(std::chrono::steady_clock::duration took) {
    static auto& applied = telemetry::sample("raft.fsm.apply");
    const double each = std::chrono::duration<double, std::milli>(took).count() / static_cast<double>(commands.size());
    for (auto& c : commands) {
      if (!c.bytes.empty()) applied.record(each);
      if (auto* sample = sample_of(c.bytes)) sample->record(each);
    }
  }

  void committed(entries_committed& c) {
    if (waiting.empty()) waiting = std::move(c.entries);
    else waiting.insert(waiting.end(), std::make_move_iterator(c.entries.begin()), std::make_move_iterator(c.entries.end()));
    if (!retrying && !stopped) apply();
    else if (refused.code != errc::none) tell_waiting(refused.text + later);
  }

  // The number of entries that this version can read, from the first on; in `commands`.
  size_t read_commands() {
    commands.clear();
    for (auto& e : waiting) {
      if (e.command && !may_be_applied(*e.command)) break;
      const bool left_out = broken(rule::every_entry_applied) && !e.reply_to && e.index.v % 50 == 0;
      commands.push_back({e.index, e.command && !left_out ? std::string_view(*e.command) : std::string_view()});
    }
    return commands.size();
  }

  // To leave a command out would make this state another one than the others', for good. Another server's state is still taken.
  void stop() {
    stopped = true;
    const auto& first = waiting.front();
    error why{errc::internal, fmt::format("entry {} holds command {}, which is of a newer version: this one reads level {} of the log's commands; bring this "
                                           "server to the version of the others",
                                           first.index.v, static_cast<unsigned char>(first.command->front()), highest_command_level())};
    log::err("agent.server.fsm", "nothing more is applied: error=\"{}\"", why.text);
    note_refused(std::move(why));
  }

  void tell_waiting(const std::string& why) {
    for (auto& e : waiting) {
      if (!e.reply_to) continue;
      proposals_done done{{{e.id, {}}}};
      done.outcomes[0].result.failure = {errc::unknown_outcome, why};
      caf::anon_send(caf::actor_cast<caf::actor>(std::exchange(e.reply_to, nullptr)), std::move(done));
    }
  }

  // Another server's state in place of this one. What waited here is inside of it; what its proposers would have been
  // told is lost with the entries.
  void install(state_install& i) {
    tell_waiting("leadership lost while committing log");
    waiting.clear();
    if (std::exchange(stopped, false)) note_refused({});
    installing = std::move(i);
    if (!retrying) apply();
  }

  void retry(retry_pace& pace, const char* what, const error& why) {
    const auto pause = pace.failed(self->clock().now());
    if (pace.says()) log::err("agent.server.fsm", "cannot {}, trying again: error=\"{}\"", what, why.text);
    retrying = true;
    self->delayed_send(self, pause, apply_retry{});
  }

  bool installed() {
    auto changes = store->install_snapshot(installing->path);
    if (!changes) {
      if (changes.err().code == errc::corrupt) store->note_damage("the snapshot that takes its place: " + changes.err().text);
      if (store->is_damaged()) return false;
      retry(install_pace, "install the snapshot", changes.err());
      return false;
    }
    install_pace.worked();
    const auto index = installing->index;
    installing.reset();
    status->applied.store(index.v);
    store->delays().begin(self->clock().now());
    log::info("agent.server.fsm", "installed a snapshot: index={}", index.v);
    publish(std::move(*changes));
    self->send(raft, entries_applied{index});
    return true;
  }

  void apply() {
    if (installing && !installed()) return;
    if (waiting.empty()) return;
    results.clear();
    const auto count = read_commands();
    if (count == 0) return stop();
    const auto began = std::chrono::steady_clock::now();
    auto changes = store->apply(commands, results);
    if (!changes) {
      if (store->is_damaged()) return; // the node ends; the next start applies them to what it rebuilds
      note_refused(changes.err());
      return retry(apply_pace, "apply entries", changes.err());
    }
    apply_pace.worked();
    if (refused.code != errc::none) note_refused({});
    measure(std::chrono::steady_clock::now() - began);
    const auto last = waiting[count - 1].index;
    status->applied.store(last.v);
    static auto& applied = telemetry::gauge("raft.applied_index");
    applied.set(static_cast<double>(last.v));
    if (!broken(rule::everybody_notes_delays) || status->leader.load()) store->delays().note(changes->released, changes->index.v, self->clock().now());
    publish(std::move(*changes));
    answer(count);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
    self->send(raft, entries_applied{last});
    if (!waiting.empty()) stop();
  }

  void publish(change_set&& changes) {
    if (changes.topics.empty() && !changes.everything) return;
    if (status->watchers.load() == 0) {
      status->unpublished.store(changes.index.v);
      if (status->watchers.load() == 0) return;
    }
    self->send(watch, state_changed{std::make_shared<const change_set>(std::move(changes))});
  }

  void answer(size_t count) {
    // Nearly always all of a batch came from one or two I/O threads.
    std::vector<std::pair<caf::strong_actor_ptr, proposals_done>> out;
    for (size_t i = 0; i < count; ++i) {
      auto& e = waiting[i];
      if (!e.reply_to) continue;
      auto at = std::find_if(out.begin(), out.end(), [&](auto& o) { return o.first == e.reply_to; });
      if (at == out.end()) at = out.insert(out.end(), {e.reply_to, {}});
      at->second.outcomes.push_back({e.id, std::move(results[i])});
    }
    for (auto& [sink, done] : out) caf::anon_send(caf::actor_cast<caf::actor>(sink), std::move(done));
  }
};

state_handle::behavior_type state_behavior(apply_state::pointer self, state_store* store, raft_handle raft, watch_handle watch, std::shared_ptr<node_status> status, std::shared_ptr<write_times> writes) {
  self->state.store = store;
  self->state.raft = std::move(raft);
  self->state.watch = std::move(watch);
  self->state.status = std::move(status);
  self->state.writes = std::move(writes);
  store->delays().begin(self->clock().now());
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

state_handle spawn_state_actor(caf::actor_system& system, state_store& store, raft_handle raft, watch_handle watch, std::shared_ptr<node_status> status, std::shared_ptr<write_times> writes) {
  return system.spawn(state_behavior, &store, std::move(raft), std::move(watch), std::move(status), std::move(writes));
}

} // namespace actord
