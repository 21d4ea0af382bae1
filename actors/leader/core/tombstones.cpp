#include "actors/leader/core/tombstones.hpp"

namespace actord::leader {

void tombstones::lead_anew() {
  bins_.clear();
  newest_ = 0;
  look_at_ = nanos(0);
}

void tombstones::observe(uint64_t newest, nanos now) {
  look_at_ = now + tombstone_granularity;
  if (newest <= newest_) return;
  newest_ = newest;
  bins_.push_back({now + tombstone_ttl, newest});
}

uint64_t tombstones::due(nanos now) const {
  uint64_t upto = 0;
  for (auto& b : bins_) {
    if (b.until > now) break;
    upto = b.index;
  }
  return upto;
}

void tombstones::reaped(uint64_t upto) {
  while (!bins_.empty() && bins_.front().index <= upto) bins_.pop_front();
}

} // namespace actord::leader
