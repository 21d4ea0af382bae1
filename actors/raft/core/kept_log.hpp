// Up to where a leader's log may be cut: entries cost a follower less than a snapshot as long as they are not many times as much.
#pragma once
#include "actors/raft/core/types.hpp"
#include <algorithm>

namespace actord::raft {

struct follower_need {
  raft_index match;   // what it is known to have
  bool present = false; // heard of lately
  // A snapshot is on its way to it, of this place when it is known.
  bool sending = false;
  std::optional<raft_index> sent;
};

inline constexpr uint64_t kept_most = 256 << 20;  // bytes of log, whoever needs them
inline constexpr uint64_t kept_least = 16 << 20;  // for those who are away, however small the state is
inline constexpr uint64_t kept_times = 4;         // the snapshot's size: beyond that the snapshot is sooner there and applied

// The highest index that may go. What followers who are there need stays while the log holds less than kept_most, so that whoever takes
// long for a snapshot finds what comes after it and is not sent the next one for ever. What those need who are away (a restart,
// an upgrade) stays while it is cheaper than the snapshot.
inline raft_index cut_limit(const std::vector<follower_need>& followers, uint64_t log_bytes, uint64_t snapshot_bytes) {
  raft_index upto{UINT64_MAX};
  if (log_bytes > kept_most) return upto;
  const bool cheaper = log_bytes <= kept_least || log_bytes / kept_times <= snapshot_bytes;
  for (const auto& f : followers) {
    if (!f.present && !cheaper) continue;
    if (!f.sending) upto = std::min(upto, f.match);
    else if (f.sent) upto = std::min(upto, *f.sent);
  }
  return upto;
}

} // namespace actord::raft
