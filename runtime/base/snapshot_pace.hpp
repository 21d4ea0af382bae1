// How fast a snapshot is sent, or written: as fast as disk and line take it while those who write hardly feel it.
//
// The rate is found as TCP finds one (Jacobson, "Congestion Avoidance and Control", 1988), for a transfer that yields to others
// (RFC 6817): it grows quickly until the receiver falls behind or writes become slow, and is lowered then. Like CUBIC (Ha, Rhee
// and Xu, 2008) it remembers the rate that was too high: it is soon back below it, goes by it in small steps, and then in growing
// ones. Writes that are slow for a reason of their own (a busy machine) so cost a moment each, and not the rate. What counts as
// slow is measured in writes: their time from proposal to commit holds the log's syncs here and at a majority, the line and
// the processors, whatever it is that we compete for. The steps are small because what a p99 allows is one write in a hundred:
// 10 ms of queue in every second. Time and counts are handed in.
#pragma once
#include "runtime/base/latency_counts.hpp"
#include <cstdint>

namespace actord {

// What writes take while nothing disturbs them: the last quarter of a minute counts most.
class write_baseline {
public:
  void look(int64_t now_us, const latency_counts& so_far); // running counts
  void skip(int64_t now_us, const latency_counts& so_far); // what came since the last call was disturbed
  int64_t p99() const; // 0: too few writes to say

private:
  latency_counts before_;
  latency_counts decayed_; // in 1/256
  int64_t looked_ = 0;
};

class snapshot_pace {
public:
  struct options {
    uint64_t first = 64 << 20, lowest = 16 << 20, highest = uint64_t{8} << 30; // bytes per second
    int64_t look_us = 10'000;
    int64_t burst_us = 10'000;    // what was not used in so long is lost
    int64_t shortest_us = 2'000;  // a write that takes less is never slow
    int64_t unknown_us = 20'000;  // how long a write may take where no baseline is known
  };
  // `baseline_p99` of the writes before, 0 when unknown.
  snapshot_pace(const options& o, int64_t now_us, int64_t baseline_p99, const latency_counts& so_far);

  // Decides anew when it is time to. waiting_us: how long the log's disk has owed an answer; there: bytes that the receiver has.
  void look(int64_t now_us, const latency_counts& so_far, int64_t waiting_us, uint64_t there);
  // May that many bytes go now?
  bool take(int64_t now_us, uint64_t bytes);
  // How long until take() says yes, if nothing changes.
  int64_t wait_us(uint64_t bytes) const;
  uint64_t rate() const { return rate_; }
  int64_t slow_from() const { return slow_from_; }

private:
  void refill(int64_t now_us, uint64_t bytes);
  void lower_to(uint64_t rate, uint64_t too_high);
  void grow();

  options options_;
  uint64_t rate_;
  uint64_t bound_ = 0; // the rate that was too high; 0: none was yet
  uint64_t step_ = 0;  // per look, near the bound
  int64_t slow_from_;
  latency_counts before_;
  int64_t looked_, filled_;
  double allowance_ = 0;
  uint64_t sent_ = 0, there_ = 0; // at the last look, as it was told; sent_ since then
  bool pressed_ = false;  // since the last look more could have gone than was let
  bool settling_ = false; // the rate was just lowered: writes that were already late do not count again
};

} // namespace actord
