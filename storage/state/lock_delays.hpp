// Keys that nobody may lock yet, because the session that held them was invalidated (lock-delay). In memory and by this
// server's own clock, as Consul has it: the leader looks before it proposes, so that apply stays deterministic.
#pragma once
#include "storage/model/changes.hpp"
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace actord {

class lock_delays {
public:
  using clock = std::chrono::steady_clock;

  void note(const std::vector<released_lock>& released, clock::time_point now);
  bool any() const { return count_.load(std::memory_order_acquire) > 0; } // cheap, for every command
  bool delayed(std::string_view key, clock::time_point now);

private:
  void forget_old(clock::time_point now);
  std::mutex mutex_;
  std::map<std::string, clock::time_point, std::less<>> until_; // guarded by mutex_
  size_t swept_ = 0;                                            // how many were left by the last sweep
  std::atomic<size_t> count_{0};
};

} // namespace actord
