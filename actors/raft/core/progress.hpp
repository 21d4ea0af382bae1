// What the leader knows about one follower's log, and how it sends to it. The three states keep a follower that cannot
// keep up from being flooded: probe sends one message and waits, replicate pipelines, snapshot sends nothing.
#pragma once
#include "actors/raft/core/types.hpp"
#include <deque>

namespace actord::raft {

class progress {
public:
  enum class state : uint8_t { probe, replicate, snapshot };

  raft_index match;     // highest entry known to be durable there
  raft_index next{1};   // next entry to send
  state mode = state::probe;
  bool probe_sent = false;    // probe: waiting for its answer; a heartbeat's answer allows another
  bool active = false;        // was heard of since the last quorum check
  uint64_t heard_tick = 0;    // the leader's now_ticks() when it was last heard of; 0: not since this leader began
  uint64_t round = 0;         // highest heartbeat round answered
  uint64_t recovering = 0;    // the number that it sends while it recovers (recovery.hpp)
  raft_index told_commit;     // the commit index last sent to it
  raft_index snapshot_at;     // snapshot: the log's first entry was after this when the snapshot was asked for

  // May another append message be sent now?
  bool can_send(size_t max_inflight) const;
  // An append up to `last` was sent; 0 entries keep next where it is.
  void sent(raft_index last, bool had_entries);
  // The follower has everything up to `at`. False when that is no news.
  bool acknowledged(raft_index at);
  // The follower refused an append after `prev` and points at `hint`. False when the refusal is out of date.
  bool refused(raft_index prev, raft_index hint);
  void to_probe(raft_index next_index);
  // What it acknowledged is not there any more.
  void forgotten();
  void to_snapshot(raft_index at);
  size_t inflight() const { return inflight_.size(); }

private:
  std::deque<raft_index> inflight_; // the last index of each append under way, ascending
};

} // namespace actord::raft
