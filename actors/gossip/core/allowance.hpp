// So much at once, so much per second in the long run.
#pragma once
#include "runtime/base/duration.hpp"
#include <algorithm>

namespace actord::gossip {

class allowance {
public:
  allowance(double at_once, double per_second) : most_(at_once), per_second_(per_second), left_(at_once) {}
  bool take(nanos now) {
    left_ = std::min(most_, left_ + per_second_ * std::chrono::duration<double>(now - filled_).count());
    filled_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

private:
  double most_, per_second_, left_;
  nanos filled_{0};
};

} // namespace actord::gossip
