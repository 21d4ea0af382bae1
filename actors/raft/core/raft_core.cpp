#include "actors/raft/core/raft_core.hpp"
#include <algorithm>

namespace actord::raft {

raft_core::raft_core(options o, const stored_state& stored, log_reader& reader, prng random)
    : options_(std::move(o)), config_(options_.members, stored.memberships), random_(random), log_(reader, stored), hard_(stored.hard), commit_(stored.applied),
      handed_(stored.applied), applied_(stored.applied) {
  if (broken(mutation::forget_vote_on_restart)) hard_.vote.clear();
  restarted_ = hard_.term.v > 0;
  told_ = {role_, hard_.term, leader_};
  draw_timeout();
}

result<std::unique_ptr<raft_core>> raft_core::open(options o, const stored_state& stored, log_reader& reader,
                                                   prng random, uint64_t recovering) {
  if (stored.applied < stored.compacted.index || stored.applied > stored.last)
    return error(errc::corrupt, "raft: applied index " + std::to_string(stored.applied.v) + " is outside of the log [" +
                                    std::to_string(stored.compacted.index.v) + ", " + std::to_string(stored.last.v) +
                                    "]");
  if (!o.members.empty() && !is_sound(o.members))
    return error(errc::corrupt, "raft: the bootstrap configuration has no voter or names a server twice");
  std::unique_ptr<raft_core> core(new raft_core(std::move(o), stored, reader, random));
  if (auto s = core->log_.load(); !s) return s.err();
  if (core->log_.last_term() > core->hard_.term)
    return error(errc::corrupt, "raft: the log's last term is beyond the stored term");
  if (recovering != 0) core->recovery_.begin(recovering);
  if (core->alone()) core->campaign();
  return core;
}

void raft_core::tick() {
  if (halted_) return;
  ++now_;
  if (is_leader()) return tick_leader();
  if (++elapsed_ >= timeout_ && may_campaign()) campaign();
}

void raft_core::step(message m) {
  if (halted_ || m.from == options_.self || is_strangers_answer(m)) return;
  if (!step_term(m)) return;
  switch (m.kind) {
  case message_kind::pre_vote:
  case message_kind::vote: return handle_vote_request(m);
  case message_kind::pre_vote_reply:
  case message_kind::vote_reply: return handle_vote_reply(m);
  case message_kind::append: return handle_append(m);
  case message_kind::heartbeat: return handle_heartbeat(m);
  case message_kind::install_snapshot: return handle_install_snapshot(m);
  case message_kind::append_reply: return handle_append_reply(m);
  case message_kind::heartbeat_reply: return handle_heartbeat_reply(m);
  case message_kind::timeout_now:
    if (role_ == raft::role::follower && m.from == leader_ && may_campaign())
      start_election(true);
    return;
  }
}

// Requests are served whoever sends them: the sender may know a newer configuration than this server (thesis 4.1).
// Answers of servers that were not asked are worth nothing, not even their term.
bool raft_core::is_strangers_answer(const message& m) const {
  const bool answer = m.kind == message_kind::pre_vote_reply || m.kind == message_kind::vote_reply ||
                      m.kind == message_kind::append_reply || m.kind == message_kind::heartbeat_reply;
  return answer && !members().contains(m.from) && !progress_.contains(m.from);
}

// Paper 5.1: a newer term makes a follower of anyone, a message of an older one is turned down. False when the message
// is done with.
bool raft_core::step_term(const message& m) {
  const bool asks_vote = m.kind == message_kind::vote || m.kind == message_kind::pre_vote;
  if (m.term > hard_.term) {
    // Thesis 4.2.3: whoever hears a leader does not let others depose it.
    if (asks_vote && !m.transfer && in_lease()) return false;
    // Thesis 9.6: a pre-vote and a granted answer to it speak of a term that nobody is in yet.
    if (m.kind == message_kind::pre_vote || (m.kind == message_kind::pre_vote_reply && !m.reject)) return true;
    const bool from_leader = m.kind == message_kind::append || m.kind == message_kind::heartbeat ||
                             m.kind == message_kind::install_snapshot;
    become_follower(m.term, from_leader ? m.from : server_id());
    return true;
  }
  if (m.term == hard_.term) return true;
  // The sender is behind. Requests are answered, so that it learns the term and steps down; answers are dropped.
  message reply;
  reply.to = m.from;
  reply.reject = true;
  reply.term = hard_.term;
  switch (m.kind) {
  case message_kind::pre_vote: reply.kind = message_kind::pre_vote_reply; break;
  case message_kind::vote: reply.kind = message_kind::vote_reply; break;
  case message_kind::append:
  case message_kind::heartbeat:
  case message_kind::install_snapshot: reply.kind = message_kind::append_reply; break;
  default: return false;
  }
  send(std::move(reply));
  return false;
}

void raft_core::become_follower(raft_term term, const server_id& leader) {
  step_down_cleanup();
  if (term > hard_.term) set_hard(term, server_id());
  role_ = raft::role::follower;
  leader_ = leader;
  elapsed_ = 0;
  draw_timeout();
}

void raft_core::set_hard(raft_term term, const server_id& vote) {
  // Messages of an older term would be dropped by those who get them, once they know of the new one.
  if (term != hard_.term) held_.clear();
  hard_ = {term, vote};
  hard_changed_ = true;
  hard_write_ = next_write();
}

void raft_core::draw_timeout() {
  timeout_ = random_.between(options_.election_ticks, 2 * uint64_t{options_.election_ticks} - 1);
}

void raft_core::halt(error e) {
  if (halted_) return;
  become_follower(hard_.term, server_id());
  halted_ = true;
  fault_ = std::move(e);
  held_.clear();
  outbox_.clear();
}

void raft_core::reject(uint64_t cookie, reject_reason why, bool is_read) {
  rejected_.push_back({cookie, why, is_read});
}

// Sends now, or as soon as write `after` and the write of the current term and vote are synced.
void raft_core::send(message m, uint64_t after) {
  m.from = options_.self;
  const bool promises = m.kind != message_kind::pre_vote && m.kind != message_kind::pre_vote_reply;
  if (promises && !broken(mutation::vote_before_sync)) after = std::max(after, hard_write_);
  if (after > synced_write_) return hold(std::move(m), after);
  outbox_.push_back(std::move(m));
}

void raft_core::hold(message m, uint64_t after) {
  // A newer acknowledgement says all that an older one said, so a stuck disk does not pile them up.
  if (!m.reject && (m.kind == message_kind::append_reply || m.kind == message_kind::heartbeat_reply)) {
    for (auto& h : held_) {
      if (h.after == after && h.m.kind == m.kind && h.m.to == m.to && !h.m.reject) {
        h.m.log_index = std::max(h.m.log_index, m.log_index);
        h.m.round = std::max(h.m.round, m.round);
        h.m.commit = m.commit;
        return;
      }
    }
  }
  held_.push_back({after, std::move(m)});
}

void raft_core::release_held() {
  bool elected_self = false;
  for (size_t n = held_.size(); n > 0; --n) {
    held_message h = std::move(held_.front());
    held_.pop_front();
    if (h.after > synced_write_) {
      held_.push_back(std::move(h));
    } else if (h.m.to == options_.self) {
      elected_self = h.m.term == hard_.term; // the own vote is durable now
    } else {
      outbox_.push_back(std::move(h.m));
    }
  }
  if (elected_self) count_vote(options_.self, true);
}

void raft_core::synced(uint64_t write_id) {
  if (halted_ || write_id <= synced_write_ || write_id > last_write_) return;
  synced_write_ = write_id;
  while (!writes_.empty() && writes_.front().id <= write_id) {
    log_.set_stable(writes_.front().last);
    writes_.pop_front();
  }
  release_held();
  maybe_recovered();
  if (!is_leader()) return;
  if (auto it = progress_.find(options_.self); it != progress_.end()) it->second.acknowledged(log_.stable_index());
  maybe_commit();
}

// The log was cut back to `last`: what older writes made durable beyond it does not count any more.
void raft_core::cut_writes(raft_index last) {
  for (auto& w : writes_) w.last = std::min(w.last, last);
}

uint64_t raft_core::write_covering(raft_index i) const {
  if (i <= log_.stable_index()) return 0;
  for (const auto& w : writes_) {
    if (w.last >= i) return w.id;
  }
  return next_write();
}

void raft_core::applied(raft_index up_to) { applied_ = std::max(applied_, std::min(up_to, handed_)); }

void raft_core::compacted(log_point upto) {
  if (upto.index > log_.compacted().index && upto.index <= applied_) {
    log_.set_compacted(upto);
    config_.compact(upto.index);
  }
}

void raft_core::advance_commit(raft_index to) { commit_ = std::max(commit_, std::min(to, log_.last_index())); }

void raft_core::collect_write(ready& out) {
  if (!hard_changed_ && !restore_ && !log_.has_unwritten()) return;
  out.write_id = ++last_write_;
  out.append = log_.take_unwritten();
  out.restore = std::exchange(restore_, std::nullopt);
  out.restore_members = std::exchange(restore_members_, std::nullopt);
  if (hard_changed_) out.hard = hard_;
  hard_changed_ = false;
  writes_.push_back({last_write_, log_.last_index()});
}

void raft_core::collect_committed(ready& out) {
  raft_index upto = std::min({commit_, log_.stable_index(), raft_index{applied_.v + options_.max_unapplied}});
  if (upto <= handed_) return;
  auto found = log_.slice(handed_.next(), upto, SIZE_MAX, options_.max_apply_bytes);
  if (!found) return halt(std::move(found.err()));
  out.committed = std::move(*found);
  if (out.committed.empty()) return;
  handed_ = out.committed.back().index;
  size_t bytes = 0;
  for (const auto& e : out.committed) bytes += e.size();
  uncommitted_bytes_ -= std::min(bytes, uncommitted_bytes_);
}

bool raft_core::has_ready() const {
  if (fault_ || !outbox_.empty() || !rejected_.empty() || !reads_ready_.empty() || !snapshots_wanted_.empty())
    return true;
  if (halted_) return config_news_;
  if (hard_changed_ || restore_ || log_.has_unwritten()) return true;
  if (is_leader() && (replicate_wanted_ || (reads_.wants_round() && !reads_.in_round()))) return true;
  if (std::min({commit_, log_.stable_index(), raft_index{applied_.v + options_.max_unapplied}}) > handed_) return true;
  return config_news_ || told_ != role_change{role_, hard_.term, leader_};
}

ready raft_core::drain() {
  ready out;
  if (!halted_) {
    if (is_leader()) flush_leader();
    collect_write(out);
    collect_committed(out);
    // Nobody but followers asks for entries that are durable and handed out.
    const bool followers = members().voters.size() + members().learners.size() > 1 || progress_.size() > 1;
    log_.trim(handed_, followers ? options_.max_tail_bytes : 0);
  }
  out.messages = std::exchange(outbox_, {});
  out.rejected = std::exchange(rejected_, {});
  out.reads = std::exchange(reads_ready_, {});
  out.snapshots = std::exchange(snapshots_wanted_, {});
  out.fault = std::exchange(fault_, std::nullopt);
  if (std::exchange(config_news_, false)) {
    out.members = members();
    out.members_index = members_index();
  }
  if (role_change now{role_, hard_.term, leader_}; now != told_) {
    told_ = now;
    out.role = std::move(now);
  }
  return out;
}

} // namespace actord::raft
