// How the writes of this server fare: the raft actor notes it, and whoever competes with them for the disk (a snapshot on its
// way) reads it. Any thread reads, one writes.
#pragma once
#include "runtime/base/latency_counts.hpp"
#include <atomic>
#include <cstdint>

namespace actord {

class write_times {
public:
  // A write that was proposed here is committed.
  void note(int64_t us) {
    auto& c = counts_[latency_counts::bucket_of(us)];
    c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // Since when (steady clock, us) the log's disk has owed an answer; 0: it owes none.
  void note_log_waits_since(int64_t us) { waits_since_.store(us, std::memory_order_relaxed); }

  latency_counts so_far() const {
    latency_counts out;
    for (size_t i = 0; i < latency_counts::buckets; ++i) out.n[i] = counts_[i].load(std::memory_order_relaxed);
    return out;
  }
  int64_t log_waits_since() const { return waits_since_.load(std::memory_order_relaxed); }
  void note_log_refuses(bool refuses) { refuses_.store(refuses, std::memory_order_relaxed); } // the disk is full, say
  bool log_refuses() const { return refuses_.load(std::memory_order_relaxed); }
  void note_state_refuses(bool refuses) { state_refuses_.store(refuses, std::memory_order_relaxed); }
  bool state_refuses() const { return state_refuses_.load(std::memory_order_relaxed); }

private:
  std::array<std::atomic<uint64_t>, latency_counts::buckets> counts_{};
  std::atomic<int64_t> waits_since_{0};
  std::atomic<bool> refuses_{false}, state_refuses_{false};
};

} // namespace actord
