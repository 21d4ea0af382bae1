#pragma once
// Counts the answers of one load.

#include "tests/bench/load.hpp"
#include "tests/bench/server_process.hpp"

#include <cstdint>
#include <vector>

namespace actord::bench {

/// Counts answers and their times, and says when the load ends.
class tally {
public:
  explicit tally(const load_plan& plan) : plan_(plan), begin_(now_ns()) {
    samples_.reserve(1 << 16);
    end_ = begin_ + static_cast<std::int64_t>(plan.seconds * 1e9);
  }
  /// May request number `n` (from 0) still begin?
  bool may_begin(std::uint64_t n, std::int64_t now) const { return plan_.requests ? n < plan_.requests : now < end_; }
  void answered(std::int64_t took_ns, bool good) {
    ++result_.requests;
    if (!good) ++result_.failures;
    samples_.push_back(static_cast<double>(took_ns) / 1000);
  }
  void lost() { ++result_.lost; }
  load_result finish() {
    result_.seconds = static_cast<double>(now_ns() - begin_) / 1e9;
    result_.p50_us = percentile(samples_, 0.50);
    result_.p99_us = percentile(samples_, 0.99);
    return result_;
  }

private:
  load_plan plan_;
  std::int64_t begin_;
  std::int64_t end_ = 0;
  load_result result_;
  std::vector<double> samples_;
};

} // namespace actord::bench
