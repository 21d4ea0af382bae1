#include "actors/gossip/core/settings.hpp"
#include <algorithm>
#include <cmath>

namespace actord::gossip {

using namespace std::chrono_literals;

settings settings::lan() { return {}; }

settings settings::wan() {
  settings s;
  s.tcp_timeout = 30s;
  s.suspicion_mult = 6;
  s.push_pull_interval = 60s;
  s.probe_timeout = 3s;
  s.probe_interval = 5s;
  s.stall_after = 1s;
  s.gossip_nodes = 4;
  s.gossip_interval = 500ms;
  s.gossip_to_the_dead_time = 60s;
  return s;
}

settings settings::local() {
  settings s;
  s.tcp_timeout = 1s;
  s.indirect_checks = 1;
  s.retransmit_mult = 2;
  s.suspicion_mult = 3;
  s.push_pull_interval = 15s;
  s.probe_timeout = 200ms;
  s.stall_after = 100ms;
  s.gossip_interval = 100ms;
  s.gossip_to_the_dead_time = 15s;
  return s;
}

settings settings::consul_lan() {
  settings s = lan();
  s.dead_node_reclaim_time = 30s;
  s.retransmit_min = 8;
  return s;
}

settings settings::consul_wan() {
  settings s = wan();
  s.gossip_nodes = 3;
  s.dead_node_reclaim_time = 30s;
  s.retransmit_min = 8;
  return s;
}

settings settings::consul_dev() {
  settings s = consul_lan();
  s.suspicion_mult = 3;
  s.probe_interval = 100ms;
  s.probe_timeout = 100ms;
  s.gossip_interval = 100ms;
  return s;
}

settings settings::without_lifeguard() const {
  settings s = *this;
  s.awareness_max_multiplier = 1;
  s.suspicion_max_timeout_mult = 1;
  s.tell_suspects = false;
  s.answer_accusers = false;
  s.stall_after = nanos(0);
  s.checks_claims = false;
  return s;
}

int settings::retransmit_limit(size_t n) const {
  return std::max(n > 1 ? retransmit_min : 0, retransmit_mult * static_cast<int>(std::ceil(std::log10(static_cast<double>(n + 1)))));
}

nanos settings::suspicion_min(size_t n) const {
  const double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(n))));
  // In thousandths, cut off: real agents compute it so.
  return suspicion_mult * static_cast<int64_t>(scale * 1000) * probe_interval / 1000;
}

int settings::confirmations(size_t n) const {
  const int k = std::max(0, suspicion_mult - 2);
  return static_cast<int64_t>(n) - 2 < k ? 0 : k;
}

nanos settings::push_pull_period(size_t n) const {
  constexpr double threshold = 32;
  if (static_cast<double>(n) <= threshold) return push_pull_interval;
  const double times = std::ceil(std::log2(static_cast<double>(n)) - std::log2(threshold)) + 1;
  return static_cast<int64_t>(times) * push_pull_interval;
}

} // namespace actord::gossip
