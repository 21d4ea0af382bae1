#include "actors/raft/raft_actor.hpp"
#include "actors/raft/core/kept_log.hpp"
#include "actors/raft/core/wire.hpp"
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/log.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <filesystem>

namespace actord {

raft_state::~raft_state() = default;

void raft_state::take(raft_parts&& p) {
  store_ = p.store;
  states_ = p.states;
  disk_ = std::move(p.disk);
  core_ = std::move(p.core);
  setup_ = std::move(p.setup);
  status_ = std::move(p.status);
}

void raft_state::start(raft_attach& a) {
  state_ = std::move(a.state);
  peers_ = std::move(a.peers);
  writer_ = spawn_log_writer(self_->system(), *store_, raft_handle{self_}, setup_.detached_writer);
  self_->link_to(writer_);
  self_->delayed_send(self_, setup_.tick, raft_ticked{});
  tick_times_.emplace_back(core_->now_ticks(), clock_now());
  begin_catching_up();
  note_levels();
  say_hello();
  want_peers();
  perform_effects();
}

void raft_state::ticked() {
  self_->delayed_send(self_, setup_.tick, raft_ticked{});
  const auto now = clock_now();
  core_->tick();
  tick_times_.emplace_back(core_->now_ticks(), now);
  if (tick_times_.size() > 4 * setup_.options.election_ticks) tick_times_.pop_front();
  look_for_room(now);
  expire_held(now);
  look_after_members();
  step_aside_when_slow(now);
  retry_snapshots(now);
  compare_states(now);
  perform_effects();
}

void raft_state::written(log_written& w) {
  const bool news = stalled_.code != w.failure.code;
  stalled_ = std::move(w.failure);
  if (news) {
    if (setup_.writes) setup_.writes->note_log_refuses(stalled_.code != errc::none);
    ask_for_room();
    look_who_can_write();
  }
  if (w.write_id == 0) return;
  note_written(w.write_id);
  if (install_ && w.write_id >= install_->write_id) {
    // The log begins after the snapshot from here on: load it before anything that follows it is applied.
    self_->send(state_, state_install{std::move(install_->path), install_->index});
    install_.reset();
  }
  core_->synced(w.write_id);
  perform_effects();
}

void raft_state::applied(const entries_applied& a) {
  core_->applied(a.upto);
  lead_when_applied();
  release_reads();
  perform_effects();
}

// The core is told before the entries go, so that it never looks for them on the disk.
void raft_state::cut_wanted(const log_cut_wanted& c) {
  const auto upto = std::min(c.upto, kept_for_followers());
  auto term = store_->term(upto);
  if (!term || upto <= store_->compacted().first) return;
  core_->compacted({upto, *term});
  if (core_->first_index() <= upto) return; // the news that all of it is applied is still on its way: the next snapshot asks again
  self_->send(writer_, log_cut{upto});
}

raft_index raft_state::kept_for_followers() const {
  std::vector<raft::follower_need> followers;
  if (core_->is_leader()) {
    for (const auto* group : {&core_->members().voters, &core_->members().learners}) {
      for (const auto& id : *group) {
        auto* p = core_->progress_of(id);
        if (id == core_->self() || !p) continue;
        auto& f = followers.emplace_back();
        f.match = p->match;
        f.present = p->heard_tick != 0 && core_->now_ticks() - p->heard_tick <= setup_.options.election_ticks;
        f.sending = p->mode == raft::progress::state::snapshot;
        if (auto sent = sent_snapshots_.find(id); sent != sent_snapshots_.end()) f.sent = sent->second;
      }
    }
  }
  std::error_code ec;
  const auto snapshot = std::filesystem::file_size(states_->snapshot_path(), ec);
  return raft::cut_limit(followers, store_->bytes_since_cut(), ec ? 0 : snapshot);
}

namespace {

raft_state::handle::behavior_type raft_behavior(raft_state::pointer self, std::shared_ptr<raft_parts> parts) {
  auto* s = &self->state;
  s->take(std::move(*parts));
  return {
      [s](proposals& p) { s->propose(p); },
      [s](read_wanted& r) { s->read(r); },
      [s](membership_change& c) { return s->change(c); },
      [s](const leadership_transfer& t) { return s->transfer(t); },
      [s](propose_one& p) { return s->propose_one(std::move(p.command)); },
      [s](const leader_query& q) { return s->look(q); },
      [s](peer_messages& m) { s->messages(m); },
      [s](peer_said& m) { s->said(m); },
      [s](const peer_lost& l) { s->lost(l); },
      [s](peer_question& q) { s->question(q); },
      [s](peer_answer& a) { s->answered(a); },
      [s](const snapshot_was_sent& m) { s->snapshot_sent(m); },
      [s](snapshot_arrived& m) { s->snapshot_arrived(m); },
      [s](servers_found& f) { s->found(f); },
      [s](leader_proposals& p) { s->propose(p); },
      [s](raft_attach& a) { s->start(a); },
      [s](proposals_done& d) { s->outcomes(d); },
      [s](raft_ticked) { s->ticked(); },
      [s](log_written& w) { s->written(w); },
      [s](const entries_applied& a) { s->applied(a); },
      [s](const log_cut_wanted& c) { s->cut_wanted(c); },
  };
}

} // namespace

result<raft_handle> spawn_raft_actor(caf::actor_system& system, log_store& log, state_store& state, raft_setup setup, std::shared_ptr<node_status> status) {
  raft::stored_state stored;
  auto [term, vote] = log.hard_state();
  auto [cut_index, cut_term] = log.compacted();
  stored.hard = {term, vote};
  stored.compacted = {cut_index, cut_term};
  stored.last = log.last_index();
  stored.applied = state.applied_index();
  for (auto& record : log.memberships()) {
    auto members = raft::decode_membership(record.payload);
    if (!members) return members.err();
    stored.memberships.emplace_back(record.index, std::move(*members));
  }
  auto disk = std::make_unique<disk_reader>(log);
  auto core = raft::raft_core::open(setup.options, stored, *disk, prng(setup.seed), setup.recovery_mark.empty() ? 0 : setup.seed | 1);
  if (!core) return core.err();
  auto raft = system.spawn(raft_behavior, std::make_shared<raft_parts>(raft_parts{&log, &state, std::move(disk), std::move(*core), std::move(setup), std::move(status)}));
  return caf::actor_cast<raft_handle>(std::move(raft));
}

} // namespace actord
