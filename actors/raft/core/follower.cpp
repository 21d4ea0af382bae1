// What a follower does with its leader's messages: paper 5.3 and 7.
#include "actors/raft/core/raft_core.hpp"
#include "actors/raft/core/wire.hpp"
#include <algorithm>

namespace actord::raft {

// The sender leads this term: whoever else hoped to lead it follows. False for a second leader of one term, which the
// votes exclude; its messages are not obeyed.
bool raft_core::accept_leader(const message& m) {
  if (is_leader()) return false;
  if (role_ != raft::role::follower || leader_ != m.from) become_follower(hard_.term, m.from);
  elapsed_ = 0;
  return true;
}

void raft_core::acknowledge(const server_id& leader, raft_index match) {
  recovery_.matched(hard_.term, match);
  maybe_recovered();
  message reply;
  reply.kind = message_kind::append_reply;
  reply.to = leader;
  reply.term = hard_.term;
  reply.log_index = match;
  send(std::move(reply), broken(mutation::ack_before_sync) ? 0 : write_covering(match));
}

// What the state machine has applied was committed, so the leader's entry there is the same one, and its term is what a log that
// goes on from there lacks.
void raft_core::learn_cut_term(const message& m) {
  const auto cut = log_.compacted();
  if (!is_recovering() || cut.term.v != 0 || cut.index.v == 0 || m.log_index != cut.index || log_.last_index() != cut.index) return;
  restore_ = log_point{cut.index, m.log_term};
  if (const auto* known = config_.at(cut.index)) restore_members_ = *known;
  log_.reset(*restore_);
  cut_writes(cut.index.prev());
}

// Called when more is known to match, or more is durable.
void raft_core::maybe_recovered() {
  if (recovery_.ends(hard_.term, log_.stable_index())) draw_timeout();
}

void raft_core::handle_append(message& m) {
  if (!accept_leader(m)) return;
  if (broken(recovered_when_heard)) recovery_.end();
  // A late copy of what is committed already: nothing in it can be news.
  if (m.log_index < commit_) return acknowledge(m.from, commit_);
  learn_cut_term(m);
  auto fits = log_.matches(m.log_index, m.log_term);
  if (!fits) return halt(std::move(fits.err()));
  if (!*fits) return refuse(m);
  const raft_index last_new{m.log_index.v + m.entries.size()};
  if (!store_entries(m)) return;
  advance_commit(std::min(m.commit, last_new));
  acknowledge(m.from, last_new);
}

// Appends what the log lacks; what conflicts goes first. False when the message contradicts itself or the log's
// committed part, in which case nothing may be acknowledged.
bool raft_core::store_entries(message& m) {
  raft_index expected = m.log_index;
  raft_term newest = m.log_term;
  std::vector<std::pair<raft_index, membership>> configs;
  for (const auto& e : m.entries) {
    expected = expected.next();
    if (e.index != expected || e.term < newest || e.term > m.term) return false;
    newest = e.term;
    if (e.kind != entry_kind::membership) continue;
    auto members = decode_membership(e.bytes());
    if (!members || !is_sound(*members)) return false;
    configs.emplace_back(e.index, std::move(*members));
  }
  auto config = configs.begin();
  for (auto& e : m.entries) {
    if (e.index <= log_.last_index()) {
      auto same = log_.matches(e.index, e.term);
      if (!same) return halt(std::move(same.err())), false;
      if (*same || broken(mutation::keep_conflicting)) continue;
      if (e.index <= commit_) {
        halt(error(errc::corrupt, "raft: a committed entry conflicts with the leader's log"));
        return false;
      }
      if (auto s = log_.truncate(e.index); !s) return halt(s.err()), false;
      cut_writes(log_.last_index());
      if (!broken(mutation::keep_reverted_members) && config_.truncate(e.index)) members_changed();
    }
    e.cookie = 0;
    const raft_index at = e.index;
    log_.append(std::move(e));
    while (config != configs.end() && config->first < at) ++config;
    if (config != configs.end() && config->first == at) use_members(at, std::move(config->second));
  }
  return true;
}

// Says where the logs may still agree, so that the leader goes back a term at a time instead of an entry at a time
// (paper 5.3, end).
void raft_core::refuse(const message& m) {
  auto hint = log_.floor_of(m.log_index, m.log_term);
  if (!hint) return halt(std::move(hint.err()));
  auto hint_term = log_.term(*hint);
  if (!hint_term) return halt(std::move(hint_term.err()));
  message reply;
  reply.kind = message_kind::append_reply;
  reply.to = m.from;
  reply.term = hard_.term;
  reply.reject = true;
  reply.rejected_prev = m.log_index;
  reply.log_index = *hint;
  reply.log_term = *hint_term;
  set_recovery_number(reply, recovery_.number());
  send(std::move(reply));
}

void raft_core::handle_heartbeat(const message& m) {
  if (!accept_leader(m)) return;
  // The leader names at most what this server has acknowledged to it, so the entries are the leader's.
  advance_commit(m.commit);
  message reply;
  reply.kind = message_kind::heartbeat_reply;
  reply.to = m.from;
  reply.term = hard_.term;
  reply.round = m.round;
  recovery_.named(hard_.term, echoed_number(m), m.log_index);
  maybe_recovered();
  set_recovery_number(reply, recovery_.number());
  send(std::move(reply));
}

// A snapshot brings the configuration of its place. One that has none is of a log that held none; what this server knows
// to be committed holds on then.
void raft_core::restore_members(const message& m) {
  std::optional<std::pair<raft_index, membership>> found;
  if (broken(mutation::snapshot_without_members)) {
    found.emplace(config_.index(), members());
  } else if (m.members && is_sound(*m.members) && m.members_index.v > 0 && m.members_index <= m.log_index) {
    found.emplace(m.members_index, *m.members);
  } else if (const auto* known = config_.at(commit_)) {
    found = *known;
  }
  restore_members_ = found;
  config_.reset(std::move(found));
  members_changed();
}

void raft_core::handle_install_snapshot(const message& m) {
  if (!accept_leader(m)) return;
  const log_point at{m.log_index, m.log_term};
  if (at.index <= commit_) return acknowledge(m.from, commit_);
  auto have = log_.matches(at.index, at.term);
  if (!have) return halt(std::move(have.err()));
  if (*have) {
    // The log reaches that far by itself: a snapshot holds committed entries only, so they may be applied from here.
    advance_commit(at.index);
    return acknowledge(m.from, at.index);
  }
  // What we proposed when we led and have not handed out yet will not come out any more; the snapshot may hold it.
  log_.take_cookies(handed_, [this](uint64_t cookie) { reject(cookie, reject_reason::lost_leadership); });
  log_.reset(at);
  cut_writes(at.index.prev());
  restore_ = at;
  restore_members(m);
  commit_ = handed_ = applied_ = at.index;
  acknowledge(m.from, at.index);
}

} // namespace actord::raft
