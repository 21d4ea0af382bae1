#include "runtime/net/client_counts.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/net/household.hpp"

namespace actord::net {

std::atomic<size_t> client_counts::all_{0};

client_counts::client_counts(size_t descriptors)
    : enough_((descriptors ? descriptors : usable_descriptors()) / 8 * 5), most_((descriptors ? descriptors : usable_descriptors()) / 8 * 6) {}

client_counts::~client_counts() {
  for (auto& [household, n] : open_) all_ -= n;
}

bool client_counts::enter(const std::string& ip, int limit) {
  if (ip.empty()) return true;
  const auto household = household_of(ip);
  const bool is_part = household != ip;
  const auto most = static_cast<size_t>(limit);
  std::lock_guard hold(mutex_);
  const auto of_address = is_part ? of_addresses_.find(ip) : of_addresses_.end();
  const size_t own = of_address == of_addresses_.end() ? 0 : of_address->second;
  auto [it, fresh] = open_.try_emplace(household, 0);
  const size_t all = all_.load(std::memory_order_relaxed), share = enough_ / (open_.size() + 1);
  const bool at_limit = limit > 0 && (own >= most || it->second >= (is_part ? most * most_of_household : most));
  const bool refused = at_limit || all >= most_ || (all >= enough_ && it->second >= share);
  if (!refused) {
    ++it->second, ++all_;
    if (is_part) ++of_addresses_[ip];
  } else if (fresh) {
    open_.erase(it);
  }
  return !refused;
}

void client_counts::leave(const std::string& ip) {
  const auto household = household_of(ip);
  std::lock_guard hold(mutex_);
  if (!open_.contains(household)) return;
  --all_;
  down(open_, household);
  if (household != ip) down(of_addresses_, ip);
}

void client_counts::down(counts& of, const std::string& key) {
  const auto it = of.find(key);
  if (it != of.end() && --it->second == 0) of.erase(it);
}

} // namespace actord::net
