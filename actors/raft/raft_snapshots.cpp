// Snapshots on their way: from this leader to servers whose entries are no longer in the log, and from another leader to us.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>
#include <algorithm>
#include <bit>
#include <unistd.h>

namespace actord {

namespace {
constexpr auto longest_wait = std::chrono::seconds(60);        // between two tries to bring a server one
constexpr auto longest_wait_for_one = std::chrono::seconds(4); // until there is one to bring: it is being written
} // namespace

// The newest durable snapshot goes as it is: the log is never cut beyond what it leaves for followers.
void raft_state::send_snapshots(const std::vector<server_id>& to) {
  for (auto& id : to) {
    raft::message m;
    m.kind = raft::message_kind::install_snapshot;
    m.from = core_->self();
    m.to = id;
    m.term = core_->term();
    m.log_index = states_->snapshot_index();
    auto [cut, cut_term] = store_->compacted();
    auto term = m.log_index == cut ? result<raft_term>(cut_term) : store_->term(m.log_index);
    if (!term || m.log_index < cut || !peers_) {
      log::warn("agent.server.snapshot", "no snapshot to send yet: server={}", id);
      put_off(id, m.log_index, longest_wait_for_one);
      continue;
    }
    if (auto tried = snapshot_tries_.find(id); tried != snapshot_tries_.end() && clock_now() < tried->second.again_at) {
      tried->second.wanted = true; // the one before was of no use
      continue;
    }
    m.log_term = *term;
    if (auto* members = core_->members_at(m.log_index); members && !broken(rule::snapshot_has_members)) {
      m.members = members->second;
      m.members_index = members->first;
    }
    log::info("agent.server.snapshot", "sending a snapshot: server={} index={}", id, m.log_index.v);
    sent_snapshots_[id] = m.log_index;
    self_->send(peers_, peers_send_snapshot{id, std::move(m), states_->snapshot_path()});
  }
}

void raft_state::snapshot_sent(const snapshot_was_sent& s) {
  put_off(s.to, s.at, longest_wait);
  if (s.arrived) {
    snapshot_tries_[s.to].wanted = false;
    core_->snapshot_sent(s.to, s.at, true);
  }
  perform_effects();
}

// Until it has brought its server forward, each try is followed by a longer pause than the one before: a disk without room for it
// would be filled, and the line with it, again and again.
void raft_state::put_off(const server_id& to, raft_index at, std::chrono::seconds longest) {
  auto& t = snapshot_tries_[to];
  const auto wait = std::min(longest, std::chrono::seconds(1LL << std::min(t.count, 10U)));
  if (++t.count > 1) log::warn("agent.server.snapshot", "a snapshot was of no use yet, it is tried again: server={} tries={} pause={}s", to, t.count, wait.count());
  t.at = at;
  t.again_at = clock_now() + wait;
  t.wanted = true;
}

void raft_state::retry_snapshots(clock::time_point now) {
  for (auto it = snapshot_tries_.begin(); it != snapshot_tries_.end();) {
    auto& [to, t] = *it;
    auto* p = core_->is_leader() ? core_->progress_of(to) : nullptr;
    const bool over = !p || (t.at.v > 0 && p->match >= t.at);
    const bool told = t.wanted && (over || now >= t.again_at);
    // Of one that is damaged the receiver says nothing, and does not take it.
    if (told && !over && std::has_single_bit(t.count) && setup_.snapshot_doubt) *setup_.snapshot_doubt = true;
    if (told) core_->snapshot_sent(to, t.at, false); // which asks for it anew when it is still needed
    if (told) t.wanted = false;
    if (over) it = snapshot_tries_.erase(it);
    else ++it;
  }
}

void raft_state::snapshot_arrived(actord::snapshot_arrived& s) {
  if (install_ || s.install.log_index <= core_->commit_index() || is_foreign(s.install.from)) return (void)::unlink(s.path.c_str());
  // In its place before the log says so: after a crash in between the log's place is what the state is rebuilt to.
  auto adopted = states_->adopt_snapshot(s.path);
  if (!adopted) {
    log::err("agent.server.snapshot", "cannot take the leader's snapshot: error=\"{}\"", adopted.err().text);
    return (void)::unlink(s.path.c_str());
  }
  arriving_ = states_->arrived_path(*adopted);
  // The sender names the index and the file apart from one another; between the two it may have written a newer snapshot.
  if (*adopted == s.install.log_index) {
    log::info("agent.server.snapshot", "installing a snapshot: index={}", s.install.log_index.v);
    core_->step(std::move(s.install));
    perform_effects();
  }
  if (!arriving_.empty()) ::unlink(std::exchange(arriving_, {}).c_str()); // not wanted after all
}

} // namespace actord
