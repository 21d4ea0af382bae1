// Linearizable reads without writing to the log (thesis 6.4): a read notes the commit index, waits until a quorum has
// answered a heartbeat round that began after it, and is then served from any state that has applied that index. All
// reads that arrive before a round begins share that round.
#pragma once
#include "actors/raft/core/types.hpp"
#include <deque>

namespace actord::raft {

class read_queue {
public:
  void add(uint64_t cookie, raft_index index) { waiting_.push_back({cookie, index, 0}); }
  // True when there are reads that no round covers yet.
  bool wants_round() const { return sealed_ < waiting_.size(); }
  // A round begins now: it covers all reads that are here.
  void seal(uint64_t round) {
    for (; sealed_ < waiting_.size(); ++sealed_) waiting_[sealed_].round = round;
  }
  // A quorum has answered `round`: moves the reads that it proves to out.
  void release(uint64_t round, std::vector<read_state>& out) {
    while (sealed_ > 0 && waiting_.front().round <= round) {
      out.push_back({waiting_.front().cookie, waiting_.front().index});
      waiting_.pop_front();
      --sealed_;
    }
  }
  // The server leads no more: moves all cookies to out.
  void fail(std::vector<rejection>& out, reject_reason why) {
    for (const auto& r : waiting_) out.push_back({r.cookie, why, true});
    waiting_.clear();
    sealed_ = 0;
  }
  // True while a round is under way: reads that come now wait for the next, so that rounds do not pile up.
  bool in_round() const { return sealed_ > 0; }
  size_t size() const { return waiting_.size(); }

private:
  struct waiting {
    uint64_t cookie;
    raft_index index;
    uint64_t round; // 0 until a round covers it
  };
  std::deque<waiting> waiting_;
  size_t sealed_ = 0; // how many at the front have a round
};

} // namespace actord::raft
