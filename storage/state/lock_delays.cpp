#include "storage/state/lock_delays.hpp"

namespace actord {

void lock_delays::note(const std::vector<released_lock>& released, clock::time_point now) {
  if (released.empty()) return;
  std::lock_guard hold(mutex_);
  for (auto& r : released) until_[r.key] = now + r.delay;
  if (until_.size() > 2 * swept_ + 64) forget_old(now);
  count_.store(until_.size(), std::memory_order_release);
}

bool lock_delays::delayed(std::string_view key, clock::time_point now) {
  std::lock_guard hold(mutex_);
  auto at = until_.find(key);
  if (at == until_.end()) return false;
  if (at->second > now) return true;
  until_.erase(at);
  count_.store(until_.size(), std::memory_order_release);
  return false;
}

// Delays last a minute at most, so what is kept is bounded by the keys that were released in one.
void lock_delays::forget_old(clock::time_point now) {
  std::erase_if(until_, [&](auto& e) { return e.second <= now; });
  swept_ = until_.size();
}

} // namespace actord
