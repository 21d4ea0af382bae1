// Changes of the configuration: single-server changes with learners, thesis 4.1 and 4.2.
#include "actors/raft/core/raft_core.hpp"
#include "actors/raft/core/wire.hpp"
#include <algorithm>

namespace actord::raft {

void raft_core::bootstrap(membership initial) {
  if (halted_ || is_recovering() || !members().empty() || log_.last_index().v > 0 || !is_sound(initial)) return;
  config_.set_bootstrap(std::move(initial));
  members_changed();
  if (alone()) campaign();
}

// A voter campaigns. So does, thesis 4.2.2, who is to be one no more by a configuration that may not be committed: its log
// may be the only one that holds the entry which others need. Its own vote does not count. All but the newest
// configuration are committed, whatever the commit index that is known here.
bool raft_core::may_campaign() const {
  if (is_recovering() && !broken(recovering_votes)) return false;
  if (members().is_voter(options_.self)) return true;
  return members_index() > commit_ && config_.before(members_index().prev()).is_voter(options_.self);
}

raft_index raft_core::change_membership(membership next, uint64_t cookie) {
  const auto refuse_as = [&](reject_reason why) {
    reject(cookie, why);
    return raft_index{};
  };
  if (halted_) return refuse_as(reject_reason::halted);
  if (!is_leader()) return refuse_as(reject_reason::not_leader);
  if (!transferee_.empty()) return refuse_as(reject_reason::transferring);
  // Until an entry of this term is committed, a configuration of an older term that this log lacks may be in force
  // elsewhere: a third one could have no majority in common with it.
  const bool open = members_index() > commit_ && !broken(mutation::change_while_uncommitted);
  const bool unproven = commit_ < term_start_ && !broken(mutation::change_before_own_commit);
  if (open || unproven) return refuse_as(reject_reason::change_in_progress);
  std::string bytes;
  encode(next, bytes);
  const auto readable = decode_membership(bytes); // whatever the others would refuse to read must not get into the log
  const bool too_many = voters_changed(members(), next) > 1 && !broken(mutation::change_two_at_once);
  if (!is_sound(next) || !readable || *readable != next || too_many)
    return refuse_as(reject_reason::invalid_change);
  return append_members(std::move(next), cookie);
}

raft_index raft_core::append_members(membership m, uint64_t cookie) {
  std::string bytes;
  encode(m, bytes);
  const raft_index at = append_own(entry_kind::membership, std::move(bytes), cookie);
  config_open_ = true;
  use_members(at, std::move(m));
  return at;
}

void raft_core::use_members(raft_index at, membership m) {
  config_.append(at, std::move(m));
  members_changed();
}

// A leader begins to send to those who are new. Those who went hear of it and are let go when the change is committed.
void raft_core::members_changed() {
  config_news_ = true;
  if (!is_leader()) return;
  for (const auto* group : {&members().voters, &members().learners}) {
    for (const auto& id : *group) {
      auto [it, is_new] = progress_.try_emplace(id);
      if (is_new) it->second.next = log_.last_index().next();
    }
  }
  replicate_wanted_ = true;
}

// The newest configuration of this leader's term is committed, so all that it took out are out.
void raft_core::members_committed() {
  config_open_ = false;
  const bool leaves = !members().is_voter(options_.self);
  for (auto& [id, p] : progress_) {
    if (id == options_.self || (!leaves && members().contains(id))) continue;
    if (p.mode == progress::state::replicate) send_one_append(id, p, options_.max_batch_entries, true);
    if (!is_leader()) return; // the disk failed on the way
  }
  std::erase_if(progress_, [this](const auto& p) { return p.first != options_.self && !members().contains(p.first); });
  if (!leaves) return;
  order_successor();
  become_follower(hard_.term, server_id());
}

// Thesis 4.2.2: a leader that was taken out steps down. Whoever has most of its log is spared the election time-out.
void raft_core::order_successor() {
  const server_id* best = nullptr;
  raft_index most;
  for (const auto& id : members().voters) {
    const progress* p = progress_of(id);
    if (!p || p->match < members_index() || (best && p->match <= most)) continue;
    best = &id;
    most = p->match;
  }
  if (!best) return;
  message m;
  m.kind = message_kind::timeout_now;
  m.to = *best;
  m.term = hard_.term;
  send(std::move(m));
}

// The two mutations of counting: an answer that must not count takes the place of the voter's that is furthest behind.
void raft_core::count_wrongly() {
  const auto count = [this](const server_id& id) {
    auto it = progress_.find(id);
    if (it == progress_.end()) return;
    auto low = std::min_element(scratch_.begin(), scratch_.end());
    *low = std::max(*low, it->second.match.v);
  };
  if (broken(mutation::learner_counts_as_voter)) {
    for (const auto& id : members().learners) count(id);
  }
  if (broken(mutation::removed_leader_counts_itself) && !members().is_voter(options_.self)) count(options_.self);
}

} // namespace actord::raft
