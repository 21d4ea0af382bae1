// When tombstones of deleted keys may go: long after the deletion, so that whoever asks about a prefix now and then has
// seen the index that they keep up (Consul's state/tombstone_gc.go in effect). A new leader gives all of them their whole
// time again.
#pragma once
#include "runtime/base/duration.hpp"
#include <cstdint>
#include <deque>

namespace actord::leader {

inline constexpr nanos tombstone_ttl = std::chrono::minutes(15), tombstone_granularity = std::chrono::seconds(30);

class tombstones {
public:
  void lead_anew();
  bool look_due(nanos now) const { return now >= look_at_; }
  // `newest`: the index of the newest deletion, as it is now.
  void observe(uint64_t newest, nanos now);
  uint64_t due(nanos now) const; // up to which index they may go; 0: none
  void reaped(uint64_t upto);

private:
  struct bin {
    nanos until;
    uint64_t index;
  };
  std::deque<bin> bins_; // by both
  uint64_t newest_ = 0;
  nanos look_at_{0};
};

} // namespace actord::leader
