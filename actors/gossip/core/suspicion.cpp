#include "actors/gossip/core/suspicion.hpp"
#include <algorithm>
#include <cmath>

namespace actord::gossip {

suspicion::suspicion(node_name accuser, int confirmations, nanos min, nanos max, nanos now)
    : from_{std::move(accuser)}, wanted_(static_cast<size_t>(std::max(0, confirmations))), min_(min), max_(max),
      started_(now), timeout_(confirmations < 1 ? min : max) {}

bool suspicion::confirm(const node_name& from) {
  if (confirmed() >= wanted_ || std::find(from_.begin(), from_.end(), from) != from_.end()) return false;
  from_.push_back(from);
  const double share = std::log(static_cast<double>(confirmed()) + 1) / std::log(static_cast<double>(wanted_) + 1);
  const double ms = std::chrono::duration<double, std::milli>(max_).count() -
                    share * std::chrono::duration<double, std::milli>(max_ - min_).count();
  timeout_ = std::max(min_, nanos(std::chrono::milliseconds(static_cast<int64_t>(std::floor(ms)))));
  return true;
}

} // namespace actord::gossip
