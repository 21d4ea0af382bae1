#include "actors/gossip/pool_settings.hpp"
#include "actors/gossip/core/keyring.hpp"
#include "storage/command/row.hpp"
#include <algorithm>

namespace actord::gossip {

namespace {

// A timer half a probe's patience late is what others would begin to notice.
settings with_stall(settings s) {
  s.stall_after = std::max(s.probe_timeout / 2, nanos(std::chrono::milliseconds(50)));
  return s;
}

members::agent_profile profile_of(const node_config& c) {
  members::agent_profile p;
  p.server = c.server;
  p.datacenter = c.datacenter;
  p.segment = c.segment;
  p.id = c.node_id;
  p.rpc_port = static_cast<uint16_t>(std::max(0, c.rpc_advertise.port));
  p.bootstrap = c.bootstrap;
  p.expect = c.bootstrap_expect;
  p.protocol = c.protocol;
  p.command_level = highest_command_level();
  if (c.serf_advertise_wan.port > 0) p.wan_join_port = static_cast<uint16_t>(c.serf_advertise_wan.port);
  return p;
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

result<pool_setup> setup_of(const node_config& c, bool wan, const std::string& data_folder) {
  const auto profile = profile_of(c);
  const auto& bind = wan ? c.serf_bind_wan : c.serf_bind_lan;
  const auto& advertise = wan ? c.serf_advertise_wan : c.serf_advertise_lan;
  pool_setup s;
  s.wan = wan;
  s.name = wan ? c.node_name + "." + c.datacenter : c.node_name;
  s.bind_ip = bind.host;
  s.bind_port = static_cast<uint16_t>(std::max(0, bind.port));
  s.advertise_ip = advertise.host;
  s.advertise_port = static_cast<uint16_t>(std::max(0, advertise.port));
  s.tags = members::agent_tags(profile, wan);
  s.knobs = wan ? wan_settings(c) : lan_settings(c);
  s.reconnect_timeout = wan ? c.reconnect_timeout_wan : c.reconnect_timeout;
  s.default_port = static_cast<uint16_t>(wan ? c.port_serf_wan : c.port_serf_lan);
  s.allowed_networks = wan ? c.serf_wan_allowed_cidrs : c.serf_lan_allowed_cidrs;
  if (wan) s.veto = [](const std::vector<members::claim>& all) { return members::objection_wan(all); };
  else s.veto = [profile, own = s.name](const std::vector<members::claim>& all) { return members::objection_lan(profile, own, all); };
  if (!c.encrypt.empty()) {
    auto key = parse_key(c.encrypt);
    if (!key) return key.err();
    s.keys.push_back(std::move(*key));
  }
  s.verify_incoming = c.encrypt_verify_incoming;
  s.verify_outgoing = c.encrypt_verify_outgoing;
  const auto folder = data_folder + "/serf/" + (wan ? "remote" : "local");
  if (!c.disable_keyring_file) s.keyring_path = folder + ".keyring";
  if (!c.dev_mode) s.snapshot_path = folder + ".snapshot";
  s.rejoin_after_leave = c.rejoin_after_leave;
  s.coordinates = !c.disable_coordinates;
  s.log_name = c.server ? "agent.server" : "agent.client";
  return s;
}

} // namespace actord::gossip
