// How much a node trusts itself (Lifeguard, section IV-A): every sign that the fault is its own raises the score, every
// probe that succeeds lowers it, and waiting is stretched by it. 0 is healthy.
#pragma once
#include "runtime/base/duration.hpp"
#include <algorithm>

namespace actord::gossip {

class awareness {
public:
  // Scores are 0 .. max_multiplier - 1.
  explicit awareness(int max_multiplier) : max_(std::max(1, max_multiplier)) {}
  void apply(int delta) { score_ = std::clamp(score_ + delta, 0, max_ - 1); }
  int score() const { return score_; }
  nanos scale(nanos wait) const { return (score_ + 1) * wait; }

private:
  int max_;
  int score_ = 0;
};

} // namespace actord::gossip
