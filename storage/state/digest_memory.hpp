// The digests of the moments that servers may have in common. Batches of entries end elsewhere on each server: while little is
// written the newest ones match, while much is, those at multiples of digest_interval, which therefore have a place of their own.
#pragma once
#include "storage/state/store.hpp"
#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

namespace actord {

class digest_memory {
public:
  void note(raft_index index, uint64_t value) {
    std::lock_guard lock(guard_);
    newest_ = {index, value};
    if (index.v % digest_interval == 0) regular_[next_regular_++ % regular_.size()] = newest_;
    else recent_[next_recent_++ % recent_.size()] = newest_;
  }

  // Another state takes the place of the one that these are of.
  void forget() {
    std::lock_guard lock(guard_);
    newest_ = {};
    regular_ = {};
    recent_ = {};
  }

  state_digest newest() const {
    std::lock_guard lock(guard_);
    return newest_;
  }

  std::vector<state_digest> all() const {
    std::vector<state_digest> out;
    std::lock_guard lock(guard_);
    for (auto& d : regular_)
      if (d.value != 0) out.push_back(d);
    for (auto& d : recent_)
      if (d.value != 0) out.push_back(d);
    return out;
  }

  uint64_t at(raft_index index) const {
    for (auto& d : all())
      if (d.index == index) return d.value;
    return 0;
  }

private:
  mutable std::mutex guard_;
  state_digest newest_;
  std::array<state_digest, 16> regular_{};
  std::array<state_digest, 48> recent_{};
  size_t next_regular_ = 0, next_recent_ = 0;
};

} // namespace actord
