#include "actors/gossip/pool_settings.hpp"
#include <algorithm>

namespace actord::gossip {

namespace {

// A timer half a probe's patience late is what others would begin to notice.
settings with_stall(settings s) {
  s.stall_after = std::max(s.probe_timeout / 2, nanos(std::chrono::milliseconds(50)));
  return s;
}

} // namespace

settings lan_settings(const node_config& c) {
  settings s = settings::consul_lan();
  s.gossip_interval = c.gossip_lan_gossip_interval;
  s.gossip_nodes = c.gossip_lan_gossip_nodes;
  s.probe_interval = c.gossip_lan_probe_interval;
  s.probe_timeout = c.gossip_lan_probe_timeout;
  s.suspicion_mult = c.gossip_lan_suspicion_mult;
  s.retransmit_mult = c.gossip_lan_retransmit_mult;
  return with_stall(s);
}

settings wan_settings(const node_config& c) {
  settings s = settings::consul_wan();
  s.gossip_interval = c.gossip_wan_gossip_interval;
  s.gossip_nodes = c.gossip_wan_gossip_nodes;
  s.probe_interval = c.gossip_wan_probe_interval;
  s.probe_timeout = c.gossip_wan_probe_timeout;
  s.suspicion_mult = c.gossip_wan_suspicion_mult;
  s.retransmit_mult = c.gossip_wan_retransmit_mult;
  return with_stall(s);
}

} // namespace actord::gossip
