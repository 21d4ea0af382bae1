#include "actors/raft/core/progress.hpp"
#include <algorithm>

namespace actord::raft {

bool progress::can_send(size_t max_inflight) const {
  switch (mode) {
  case state::probe: return !probe_sent;
  case state::replicate: return inflight_.size() < max_inflight;
  case state::snapshot: return false;
  }
  return false;
}

void progress::sent(raft_index last, bool had_entries) {
  if (mode == state::probe) {
    probe_sent = true;
  } else if (had_entries) {
    next = last.next();
    inflight_.push_back(last);
  }
}

bool progress::acknowledged(raft_index at) {
  while (!inflight_.empty() && inflight_.front() <= at) inflight_.pop_front();
  const bool news = at > match;
  if (news) match = at;
  next = std::max(next, match.next());
  if (mode == state::probe || (mode == state::snapshot && match >= snapshot_at)) {
    // The logs are known to agree up to match, so from here on entries may be pipelined.
    mode = state::replicate;
    probe_sent = false;
    next = match.next();
    inflight_.clear();
  }
  return news;
}

bool progress::refused(raft_index prev, raft_index hint) {
  if (mode == state::snapshot || prev <= match) return false;
  if (mode == state::replicate) {
    // Something on the way was lost: go back to what is certain.
    to_probe(match.next());
    return true;
  }
  if (prev != next.prev()) return false; // an answer to an older probe
  to_probe(std::max(std::min(prev, hint.next()), match.next()));
  return true;
}

void progress::to_probe(raft_index next_index) {
  mode = state::probe;
  probe_sent = false;
  next = next_index;
  inflight_.clear();
}

void progress::forgotten() {
  match = {};
  if (mode != state::snapshot) to_probe(next);
}

void progress::to_snapshot(raft_index at) {
  mode = state::snapshot;
  snapshot_at = at;
  probe_sent = false;
  inflight_.clear();
}

} // namespace actord::raft
