// What a leader does: replication and commit (paper 5.3, 5.4.2), check-quorum and lease (thesis 6.2, 6.4), leadership
// transfer (thesis 3.10).
#include "actors/raft/core/raft_core.hpp"
#include <algorithm>

namespace actord::raft {

namespace {
// Rounds whose sending time is remembered for the lease; older ones are forgotten, which only shortens the lease.
constexpr size_t max_round_ticks = 1024;
} // namespace

void raft_core::become_leader() {
  role_ = raft::role::leader;
  leader_ = options_.self;
  elapsed_ = heartbeat_elapsed_ = 0;
  uncommitted_bytes_ = 0;
  round_ = 0;
  round_ticks_.clear();
  lease_known_ = lease_void_ = false;
  transferee_.clear();
  progress_.clear();
  for (const auto* group : {&members().voters, &members().learners}) {
    for (const auto& id : *group) progress_[id].next = log_.last_index().next();
  }
  progress_[options_.self].match = log_.stable_index();
  config_open_ = members_index() > commit_;
  // Thesis 6.4: entries of older terms are committed along with the first one of this term. A configuration that is not
  // part of the log yet becomes so by being that entry.
  if (members_index().v == 0) {
    term_start_ = append_members(members(), 0);
  } else {
    term_start_ = append_own(entry_kind::noop, {}, 0);
  }
}

// Leaves leadership, if it was held: nobody is answered by it any more.
void raft_core::step_down_cleanup() {
  if (!is_leader()) return;
  log_.take_cookies(commit_, [this](uint64_t cookie) { reject(cookie, reject_reason::lost_leadership); });
  reads_.fail(rejected_, reject_reason::lost_leadership);
  progress_.clear();
  transferee_.clear();
  config_open_ = false;
  snapshots_wanted_.clear();
  replicate_wanted_ = false;
  uncommitted_bytes_ = 0;
}

raft_index raft_core::propose(std::string command, uint64_t cookie) {
  const auto refuse_as = [&](reject_reason why) {
    reject(cookie, why);
    return raft_index{};
  };
  if (halted_) return refuse_as(reject_reason::halted);
  if (!is_leader()) return refuse_as(reject_reason::not_leader);
  if (!transferee_.empty()) return refuse_as(reject_reason::transferring);
  if (command.size() > options_.max_command_bytes) return refuse_as(reject_reason::too_large);
  if (uncommitted_bytes_ > 0 && uncommitted_bytes_ + command.size() > options_.max_uncommitted_bytes)
    return refuse_as(reject_reason::overloaded);
  return append_own(entry_kind::command, std::move(command), cookie);
}

raft_index raft_core::append_own(entry_kind kind, std::string payload, uint64_t cookie) {
  entry e;
  e.index = log_.last_index().next();
  e.term = hard_.term;
  e.kind = kind;
  e.cookie = cookie;
  uncommitted_bytes_ += payload.size();
  if (!payload.empty()) e.payload = std::make_shared<const std::string>(std::move(payload));
  const raft_index at = e.index;
  log_.append(std::move(e));
  replicate_wanted_ = true;
  if (broken(mutation::ack_before_sync)) {
    progress_[options_.self].acknowledged(at);
    maybe_commit();
  }
  return at;
}

void raft_core::read_index(uint64_t cookie) {
  if (halted_) return reject(cookie, reject_reason::halted, true);
  if (!is_leader()) return reject(cookie, reject_reason::not_leader, true);
  if (reads_.size() >= options_.max_pending_reads) return reject(cookie, reject_reason::overloaded, true);
  // Until an entry of this term is committed the commit index may lag behind what an older leader acknowledged; the
  // no-op that opens the term lies after all of that.
  const raft_index at = std::max(commit_, term_start_);
  if (broken(mutation::read_without_quorum)) return reads_ready_.push_back({cookie, commit_});
  reads_.add(cookie, at);
}

void raft_core::tick_leader() {
  ++heartbeat_elapsed_;
  if (!transferee_.empty() && ++transfer_elapsed_ >= options_.election_ticks) transferee_.clear();
  if (++elapsed_ >= options_.election_ticks) check_quorum();
  if (is_leader() && heartbeat_elapsed_ >= options_.heartbeat_ticks) broadcast_heartbeat();
}

// Thesis 6.2: a leader that no majority answers steps down, so that its clients look elsewhere.
void raft_core::check_quorum() {
  elapsed_ = 0;
  size_t heard = 0;
  for (auto& [id, p] : progress_) {
    if (members().is_voter(id) && (p.active || id == options_.self)) ++heard;
    p.active = false;
  }
  if (heard < majority_of(members().voters.size())) become_follower(hard_.term, server_id());
}

void raft_core::broadcast_heartbeat() {
  heartbeat_elapsed_ = 0;
  ++round_;
  reads_.seal(round_);
  if (round_ticks_.size() >= max_round_ticks) round_ticks_.pop_front();
  round_ticks_.emplace_back(round_, now_);
  for (const auto& [id, p] : progress_) {
    if (id == options_.self) continue;
    message m;
    m.kind = message_kind::heartbeat;
    m.to = id;
    m.term = hard_.term;
    m.commit = std::min(commit_, p.match);
    m.round = round_;
    if (p.recovering != 0) set_echo(m, p.recovering, log_.last_index());
    send(std::move(m));
  }
  if (alone()) release_reads();
}

uint64_t raft_core::quorum_round() const {
  std::vector<uint64_t> rounds;
  for (const auto& id : members().voters) {
    if (id == options_.self) {
      rounds.push_back(round_);
    } else if (auto it = progress_.find(id); it != progress_.end()) {
      rounds.push_back(it->second.round);
    }
  }
  return quorum_reached(rounds);
}

void raft_core::release_reads() {
  const uint64_t proven = quorum_round();
  while (!round_ticks_.empty() && round_ticks_.front().first <= proven) {
    lease_tick_ = round_ticks_.front().second;
    lease_known_ = true;
    round_ticks_.pop_front();
  }
  reads_.release(proven, reads_ready_);
}

bool raft_core::has_lease() const {
  if (!is_leader() || lease_void_ || commit_ < term_start_) return false;
  return alone() || (lease_known_ && now_ - lease_tick_ < options_.election_ticks);
}

// A follower whose disk forgot a part of its log: what it acknowledged before does not count, and is to be sent again. One more
// late acknowledgement shows in its next refusal.
void raft_core::note_recovery(const message& reply, progress& p) {
  const auto number = recovery_number(reply);
  const bool fresh = number != 0 && number != p.recovering;
  const bool again = number != 0 && reply.reject && reply.rejected_prev <= p.match;
  p.recovering = number;
  if ((fresh || again) && !broken(leader_trusts_forgotten)) p.forgotten();
}

void raft_core::handle_heartbeat_reply(const message& m) {
  auto it = progress_.find(m.from);
  if (!is_leader() || it == progress_.end() || m.round > round_) return;
  progress& p = it->second;
  p.active = true;
  p.heard_tick = now_;
  p.round = std::max(p.round, m.round);
  note_recovery(m, p);
  release_reads();
  if (p.mode == progress::state::probe) {
    p.probe_sent = false;
    replicate_wanted_ = true;
    if (p.match < log_.last_index()) send_one_append(m.from, p, options_.max_batch_entries, true);
  } else if (p.mode == progress::state::replicate && p.match < log_.last_index()) {
    // Something may have been lost with nothing behind it to show the gap: an append without entries asks.
    send_one_append(m.from, p, 0, true);
  }
}

void raft_core::handle_append_reply(const message& m) {
  auto it = progress_.find(m.from);
  if (!is_leader() || it == progress_.end()) return;
  progress& p = it->second;
  p.active = true;
  p.heard_tick = now_;
  if (m.reject) {
    note_recovery(m, p);
    auto hint = log_.floor_of(m.log_index, m.log_term);
    if (!hint) return halt(std::move(hint.err()));
    if (p.refused(m.rejected_prev, *hint)) send_appends(m.from, p, true);
    return;
  }
  if (m.log_index > log_.last_index()) return; // nothing honest acknowledges more than there is
  if (p.acknowledged(m.log_index)) maybe_commit();
  replicate_wanted_ = true; // the window may have room again
  if (m.from == transferee_) finish_transfer();
}

void raft_core::maybe_commit() {
  scratch_.clear();
  for (const auto& id : members().voters) {
    auto it = progress_.find(id);
    scratch_.push_back(it == progress_.end() ? 0 : it->second.match.v);
  }
  count_wrongly();
  const raft_index reached{quorum_reached(scratch_)};
  if (reached <= commit_) return;
  // Paper 5.4.2, figure 8: an entry of an older term on a majority may still be overwritten.
  auto t = log_.term(reached);
  if (!t) return halt(std::move(t.err()));
  if (*t != hard_.term && !broken(mutation::commit_older_terms)) return;
  advance_commit(reached);
  replicate_wanted_ = true; // followers want to know
  if (config_open_ && commit_ >= members_index()) members_committed();
}

void raft_core::flush_leader() {
  if (std::exchange(replicate_wanted_, false)) {
    for (auto& [id, p] : progress_) {
      if (id == options_.self) continue;
      // A new commit index travels with entries, or alone when there are none.
      const bool commit_news = p.mode == progress::state::replicate && p.told_commit < std::min(commit_, p.match);
      send_appends(id, p, commit_news);
      if (!is_leader()) return; // the disk failed on the way
    }
  }
  if (reads_.wants_round() && !reads_.in_round()) {
    if (alone()) {
      reads_.seal(++round_);
      release_reads();
    } else {
      broadcast_heartbeat();
    }
  }
}

void raft_core::send_appends(const server_id& to, progress& p, bool even_empty) {
  // What has to be read back goes in small portions, so that a follower that is far behind does not hold up the others.
  const auto window = [&] { return p.next <= log_.last_index() && !log_.in_tail(p.next) ? options_.max_inflight_from_disk : options_.max_inflight; };
  while (is_leader() && p.can_send(window())) {
    if (!send_one_append(to, p, options_.max_batch_entries, even_empty)) return;
    even_empty = false;
  }
}

// True when entries were sent, so that there may be more.
bool raft_core::send_one_append(const server_id& to, progress& p, size_t max_entries, bool even_empty) {
  const raft_index prev = p.next.prev();
  if (prev < log_.compacted().index) {
    p.to_snapshot(log_.compacted().index);
    snapshots_wanted_.push_back(to);
    return false;
  }
  auto prev_term = log_.term(prev);
  if (!prev_term) return halt(std::move(prev_term.err())), false;
  auto entries = log_.slice(p.next, log_.last_index(), max_entries, options_.max_batch_bytes);
  if (!entries) return halt(std::move(entries.err())), false;
  if (entries->empty() && !even_empty) return false;
  message m;
  m.kind = message_kind::append;
  m.to = to;
  m.term = hard_.term;
  m.log_index = prev;
  m.log_term = *prev_term;
  m.commit = commit_;
  m.entries = std::move(*entries);
  p.told_commit = commit_;
  const bool had = !m.entries.empty();
  p.sent(had ? m.entries.back().index : prev, had);
  send(std::move(m));
  return had;
}

void raft_core::snapshot_sent(const server_id& to, raft_index at, bool arrived) {
  auto it = progress_.find(to);
  if (!is_leader() || it == progress_.end() || it->second.mode != progress::state::snapshot) return;
  progress& p = it->second;
  p.to_probe(arrived ? std::max(p.match, at).next() : p.match.next());
  // The next heartbeat's answer starts the probe: after a failure that is the pause before the next attempt, after a
  // success the follower has had time to acknowledge.
  p.probe_sent = true;
}

void raft_core::transfer_leadership(const server_id& to) {
  if (!is_leader() || to == options_.self || !members().is_voter(to)) return;
  transferee_ = to;
  transfer_elapsed_ = 0;
  replicate_wanted_ = true;
  finish_transfer();
}

void raft_core::finish_transfer() {
  auto it = progress_.find(transferee_);
  if (it == progress_.end() || it->second.match != log_.last_index()) return;
  lease_void_ = !broken(mutation::lease_survives_transfer);
  message m;
  m.kind = message_kind::timeout_now;
  m.to = transferee_;
  m.term = hard_.term;
  send(std::move(m));
}

const progress* raft_core::progress_of(const server_id& id) const {
  auto it = progress_.find(id);
  return it == progress_.end() ? nullptr : &it->second;
}

} // namespace actord::raft
