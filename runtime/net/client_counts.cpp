#include "runtime/net/client_counts.hpp"
#include "runtime/base/machine_memory.hpp"

namespace actord::net {

std::atomic<size_t> client_counts::all_{0};

client_counts::client_counts(size_t descriptors)
    : enough_((descriptors ? descriptors : usable_descriptors()) / 8 * 5), most_((descriptors ? descriptors : usable_descriptors()) / 8 * 6) {}

client_counts::~client_counts() {
  for (auto& [ip, n] : open_) all_ -= n;
}

bool client_counts::enter(const std::string& ip, int limit) {
  if (ip.empty()) return true;
  std::lock_guard hold(mutex_);
  auto [it, fresh] = open_.try_emplace(ip, 0);
  const size_t all = all_.load(std::memory_order_relaxed), share = enough_ / (open_.size() + 1);
  const bool refused = (limit > 0 && it->second >= static_cast<size_t>(limit)) || all >= most_ || (all >= enough_ && it->second >= share);
  if (!refused) ++it->second, ++all_;
  else if (fresh) open_.erase(it);
  return !refused;
}

void client_counts::leave(const std::string& ip) {
  std::lock_guard hold(mutex_);
  auto it = open_.find(ip);
  if (it == open_.end()) return;
  --all_;
  if (--it->second == 0) open_.erase(it);
}

} // namespace actord::net
