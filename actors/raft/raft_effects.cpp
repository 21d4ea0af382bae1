// What the core decided, carried out (raft::ready).
#include "actors/raft/core/wire.hpp"
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/state/store.hpp"
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace actord {

namespace {

error refusal(raft::reject_reason why) {
  switch (why) {
  case raft::reject_reason::lost_leadership: return {errc::unknown_outcome, "leadership lost while committing log"};
  case raft::reject_reason::overloaded: return {errc::internal, "timed out enqueuing operation"};
  case raft::reject_reason::too_large: return {errc::too_large, "command is too large for the log"};
  case raft::reject_reason::halted: return {errc::internal, "raft has halted: the log could not be read"};
  case raft::reject_reason::change_in_progress: return {errc::internal, "another change of the configuration is under way"};
  case raft::reject_reason::invalid_change: return {errc::bad_request, "only one voter can be added or removed at a time, and one must remain"};
  default: return {errc::no_leader, "No cluster leader"};
  }
}

int64_t nanos_of(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration_cast<nanos>(t.time_since_epoch()).count();
}

} // namespace

void raft_state::perform_effects() {
  publish_status(); // before anything leaves: followers must not show what a read here would not wait for, nor vote while we claim the lease
  while (core_->has_ready()) {
    auto r = core_->drain();
    if (r.write_id != 0) send_write(r);
    if (!r.messages.empty() && peers_) self_->send(peers_, peers_send{std::move(r.messages)});
    if (!r.committed.empty()) send_committed(r.committed);
    for (auto& x : r.rejected) rejected(x);
    for (auto& x : r.reads) {
      auto at = core_reads_.find(x.cookie);
      if (at == core_reads_.end()) continue;
      auto source = std::move(at->second);
      core_reads_.erase(at);
      read_may(source, x.index);
    }
    if (!r.snapshots.empty()) send_snapshots(r.snapshots);
    if (r.members) note_members();
    if (r.role) note_role(*r.role);
    if (r.fault) log::err("agent.server.raft", "halted: error=\"{}\"", r.fault->text);
    // The node ends with this actor, and its next start finds the damage and knows what to do.
    if (r.fault && r.fault->code == errc::corrupt) self_->quit(caf::exit_reason::unhandled_exception);
    publish_status();
  }
  if (!setup_.recovery_mark.empty() && !core_->is_recovering()) note_recovered();
}

// A crash before the mark is gone only means that this is done again.
void raft_state::note_recovered() {
  const auto mark = std::exchange(setup_.recovery_mark, {});
  log::warn("agent.server.raft", "the log is whole again, this server counts as before: index={}", core_->last_index().v);
  if (::unlink(mark.c_str()) != 0 && errno != ENOENT) log::err("agent.server.raft", "cannot remove {}: error=\"{}\"", mark, std::strerror(errno));
}

void raft_state::send_write(raft::ready& r) {
  log_write w;
  w.write_id = last_write_ = r.write_id;
  if (r.restore) {
    w.restore.emplace(r.restore->index, r.restore->term);
    if (r.restore_members) {
      std::string bytes;
      raft::encode(r.restore_members->second, bytes);
      w.restore_members.emplace(r.restore_members->first, std::move(bytes));
    }
    // Without one the log only learned the term of the entry before its first.
    if (!arriving_.empty()) install_ = install{r.write_id, std::exchange(arriving_, {}), r.restore->index};
  }
  if (r.hard && !broken(rule::vote_is_written)) w.hard.emplace(r.hard->term, r.hard->vote);
  if (broken(rule::install_after_log) && install_) {
    self_->send(state_, state_install{std::move(install_->path), install_->index});
    install_.reset();
  }
  w.append.reserve(r.append.size());
  for (auto& e : r.append) w.append.push_back({e.index, e.term, static_cast<uint8_t>(e.kind), e.payload});
  static auto& together = telemetry::gauge("raft.leader.dispatchNumLogs");
  if (!w.append.empty() && core_->is_leader()) together.set(static_cast<double>(w.append.size()));
  writing_.push_back({w.write_id, clock_now(), !w.append.empty()});
  note_log_waits();
  self_->send(writer_, std::move(w));
}

// Consul's measures of a log's disk: a leader's, and that of who follows.
void raft_state::note_written(uint64_t upto) {
  static auto &led = telemetry::sample("raft.leader.dispatchLog"), &followed = telemetry::sample("raft.rpc.appendEntries.storeLogs");
  const auto now = clock_now();
  for (; !writing_.empty() && writing_.front().id <= upto; writing_.pop_front())
    if (writing_.front().has_entries) (core_->is_leader() ? led : followed).record(std::chrono::duration<double, std::milli>(now - writing_.front().since).count());
  note_log_waits();
}

void raft_state::note_log_waits() {
  if (!setup_.writes) return;
  const auto since = writing_.empty() ? std::chrono::microseconds(0) : std::chrono::duration_cast<std::chrono::microseconds>(writing_.front().since.time_since_epoch());
  setup_.writes->note_log_waits_since(since.count());
}

void raft_state::send_committed(std::vector<raft::entry>& committed) {
  entries_committed out;
  out.entries.reserve(committed.size());
  const auto now = clock_now();
  for (auto& e : committed) {
    committed_entry c;
    c.index = e.index;
    if (e.kind == raft::entry_kind::command) c.command = std::move(e.payload);
    if (e.cookie != 0) {
      if (auto at = origins_.find(e.cookie); at != origins_.end()) {
        commit_time_.record(std::chrono::duration<double, std::milli>(now - at->second.since).count());
        if (setup_.writes) setup_.writes->note(std::chrono::duration_cast<std::chrono::microseconds>(now - at->second.since).count());
        if (at->second.reply_to) {
          c.id = at->second.id;
          c.reply_to = std::move(at->second.reply_to);
        } else {
          c.id = e.cookie;
          c.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self_);
          sinks_.emplace(e.cookie, std::move(at->second.sink));
        }
        origins_.erase(at);
      }
    }
    out.entries.push_back(std::move(c));
  }
  static auto& together = telemetry::gauge("raft.commitNumLogs");
  together.set(static_cast<double>(out.entries.size()));
  self_->send(state_, std::move(out));
}

// What was not written may be tried again with the next leader; what may have been is told so.
void raft_state::rejected(const raft::rejection& r) {
  if (r.is_read) {
    auto at = core_reads_.find(r.cookie);
    if (at == core_reads_.end()) return;
    auto source = std::move(at->second);
    core_reads_.erase(at);
    if (source.connection != 0) refuse_read(source, refusal(raft::reject_reason::not_leader));
    else held_reads_.push_back(std::move(source));
    return;
  }
  auto at = origins_.find(r.cookie);
  if (at == origins_.end()) return;
  auto o = std::move(at->second);
  origins_.erase(at);
  apply_result out;
  const bool wrongly = broken(rule::lost_leadership_is_unknown) && r.reason == raft::reject_reason::lost_leadership;
  out.failure = refusal(wrongly ? raft::reject_reason::not_leader : r.reason);
  finish(o, std::move(out));
}

void raft_state::note_role(const raft::role_change& r) {
  if (r.role != counted_as_) {
    counted_as_ = r.role;
    static auto &leads = telemetry::counter("raft.state.leader"), &follows = telemetry::counter("raft.state.follower"), &campaigns = telemetry::counter("raft.state.candidate");
    if (r.role != raft::role::pre_candidate) (r.role == raft::role::leader ? leads : r.role == raft::role::follower ? follows : campaigns).add();
  }
  status_->known_leader.store(!r.leader.empty());
  if (!r.leader.empty()) give_up_on_others(r.leader);
  if (!r.leader.empty()) status_->leader_heard.store(nanos_of(clock_now()));
  if (r.role == raft::role::leader) {
    leader_from_ = core_->last_index();
    log::info("agent.server.raft", "entering leader state: term={}", r.term.v);
    lead_when_applied();
    if (core_->members().voters.size() > 1) log::info("agent.server.raft", "replicating to {} servers", core_->members().voters.size() + core_->members().learners.size() - 1);
  } else {
    if (status_->leader.exchange(false)) log::info("agent.server", "cluster leadership lost");
    if (!r.leader.empty()) {
      auto at = seen_.find(r.leader);
      log::info("agent.server", "New leader elected: payload={}", at == seen_.end() ? r.leader : at->second.hello.name);
    }
  }
  retry_held();
}

void raft_state::lead_when_applied() {
  const bool early = raft_index{status_->applied.load()} < leader_from_ && !broken(rule::lead_when_applied);
  if (!core_->is_leader() || early || status_->leader.exchange(true)) return;
  log::info("agent.server", "cluster leadership acquired");
  log::info("agent.server", "New leader elected: payload={}", setup_.hello.name);
  retry_held();
}

void raft_state::note_members() {
  note_levels();
  note_clusters();
  want_peers();
  say_hello();
}

// Atomics for those who ask nobody: term, indexes, and until when a read needs no question.
void raft_state::publish_status() {
  static auto& last = telemetry::gauge("raft.last_index");
  last.set(static_cast<double>(core_->last_index().v));
  status_->commit.store(broken(rule::lead_when_applied) ? 0 : core_->commit_index().v, std::memory_order_release);
  status_->term.store(core_->term().v, std::memory_order_relaxed);
  int64_t until = 0;
  const bool alone = core_->members().voters.size() == 1 && core_->members().is_voter(core_->self());
  // Nobody else can have led since: what is here is the newest that there is, also while its own vote cannot be written.
  if (alone && !core_->is_leader() && !core_->is_recovering()) status_->leader_heard.store(nanos_of(clock_now()), std::memory_order_relaxed);
  if (core_->is_leader() && alone) {
    until = std::numeric_limits<int64_t>::max() - (core_->members().learners.empty() ? 0 : 1); // learners show what they have applied
  } else if (core_->has_lease()) {
    // The round was sent in that tick or later. A follower's time-out may begin just before its tick, hence one less;
    // a tenth is left for clocks that run apart (thesis 6.4.1).
    for (auto& [tick, time] : tick_times_)
      if (tick == (broken(rule::lease_from_round) ? core_->now_ticks() : core_->lease_tick())) until = nanos_of(time + setup_.tick * (setup_.options.election_ticks - 1) * 9 / 10);
  }
  if (broken(rule::read_within_lease) && core_->is_leader()) until = std::numeric_limits<int64_t>::max() - 1;
  status_->lease_until.store(until, std::memory_order_release);
}

} // namespace actord
