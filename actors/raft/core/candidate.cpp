// Elections: paper 5.2 and 5.4.1, pre-vote as in thesis 9.6.
#include "actors/raft/core/raft_core.hpp"
#include <algorithm>

namespace actord::raft {

void raft_core::campaign() {
  if (halted_ || is_leader() || !may_campaign()) return;
  elapsed_ = 0;
  draw_timeout();
  // While the own vote is still being written a further term would only make the disk's work longer.
  if (role_ == raft::role::candidate && hard_write_ > synced_write_) return;
  if (alone()) return start_election(false);
  start_pre_vote();
}

void raft_core::start_pre_vote() {
  role_ = raft::role::pre_candidate;
  leader_.clear();
  votes_.clear();
  votes_.record(options_.self, true);
  ask_for_votes(message_kind::pre_vote, hard_.term.next(), false);
}

void raft_core::start_election(bool transfer) {
  set_hard(hard_.term.next(), options_.self);
  role_ = raft::role::candidate;
  leader_.clear();
  votes_.clear();
  elapsed_ = 0;
  draw_timeout();
  ask_for_votes(message_kind::vote, hard_.term, transfer);
  // The own vote waits for the disk like everybody else's: as a message to itself.
  message own;
  own.kind = message_kind::vote_reply;
  own.from = own.to = options_.self;
  own.term = hard_.term;
  hold(std::move(own), hard_write_);
}

void raft_core::ask_for_votes(message_kind kind, raft_term term, bool transfer) {
  for (const auto& voter : members().voters) {
    if (voter == options_.self) continue;
    message m;
    m.kind = kind;
    m.to = voter;
    m.term = term;
    m.log_index = log_.last_index();
    m.log_term = log_.last_term();
    m.transfer = transfer;
    send(std::move(m));
  }
}

// May a leader hold a lease on this server's word: was one heard of less than the smallest election time-out ago? A leader
// itself is, until check-quorum deposes it. Whoever restarts does not know what it answered just before
// (thesis 6.4.1 takes that for granted).
bool raft_core::in_lease() const {
  if (restarted_ && now_ < options_.election_ticks) return true;
  return !leader_.empty() && elapsed_ < options_.election_ticks;
}

void raft_core::handle_vote_request(const message& m) {
  const bool pre = m.kind == message_kind::pre_vote;
  bool free = hard_.vote == m.from || (hard_.vote.empty() && leader_.empty()) || (pre && m.term > hard_.term);
  if (!pre && broken(mutation::vote_twice)) free = !is_leader();
  // Paper 5.4.1: whoever lacks a committed entry must not win, and of a majority at least one server has them all.
  const bool up_to_date = broken(mutation::skip_up_to_date_check) || m.log_term > log_.last_term() ||
                          (m.log_term == log_.last_term() && m.log_index >= log_.last_index());
  message reply;
  reply.kind = pre ? message_kind::pre_vote_reply : message_kind::vote_reply;
  reply.to = m.from;
  const bool whole = !is_recovering() || broken(recovering_votes);
  reply.reject = !(free && up_to_date && whole);
  // A granted pre-vote names the term it was asked for; a refused one the own term, for the asker to catch up.
  reply.term = pre && !reply.reject ? m.term : hard_.term;
  if (!pre && !reply.reject) {
    elapsed_ = 0;
    if (hard_.vote != m.from) set_hard(hard_.term, m.from);
  }
  send(std::move(reply));
}

void raft_core::handle_vote_reply(const message& m) {
  if (m.kind == message_kind::pre_vote_reply) {
    if (role_ != raft::role::pre_candidate) return;
    if (!m.reject && m.term != hard_.term.next()) return;
  } else if (role_ != raft::role::candidate) {
    return;
  }
  count_vote(m.from, !m.reject);
}

void raft_core::count_vote(const server_id& from, bool granted) {
  if (role_ != raft::role::candidate && role_ != raft::role::pre_candidate) return;
  if (!members().is_voter(from)) return;
  votes_.record(from, granted);
  switch (votes_.outcome(members())) {
  case vote_outcome::pending: return;
  case vote_outcome::lost: return become_follower(hard_.term, server_id());
  case vote_outcome::won: break;
  }
  if (role_ == raft::role::pre_candidate) return start_election(false);
  become_leader();
}

} // namespace actord::raft
