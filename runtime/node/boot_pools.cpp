// Gossip: the pools of this node, who joins them, and what the LAN pool says about servers.
#include "actors/gossip/pool_settings.hpp"
#include "actors/members/join_actor.hpp"
#include "actors/members/servers_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/secrets.hpp"
#include "runtime/node/node.hpp"
#include "runtime/telemetry/log_sinks.hpp"
#include <caf/scoped_actor.hpp>
#include <fmt/ranges.h>
#include <unistd.h>

namespace actord {

namespace {

status start_pool(node& n, bool wan) {
  auto setup = gossip::setup_of(n.config, wan, n.folder->path());
  const std::string which = wan ? "WAN" : "LAN";
  if (!setup) return error{errc::internal, "Failed to start " + which + " Serf: " + setup.err().text};
  setup->seed = fresh_seed();
  setup->board = wan ? n.wan_board : n.lan_board;
  auto pool = gossip::spawn_pool(*n.system, std::move(*setup));
  if (!pool) return error{errc::internal, "Failed to start " + which + " Serf: " + pool.err().text};
  (wan ? n.cluster.wan : n.cluster.lan) = *pool;
  // An actor begins when it is first scheduled: wait for its first answer, so that the board is filled.
  status out;
  caf::scoped_actor self{*n.system};
  self->request(*pool, caf::infinite, pool_keys{members::key_operation::list, {}, 0, true})
      .receive([](const pool_keys_done&) {}, [&](caf::error& e) { out = error{errc::internal, "Failed to start " + which + " Serf: " + n.system->render(e)}; });
  return out;
}

void keep_joining(node& n, bool wan) {
  const auto& c = n.config;
  const auto& addresses = wan ? c.retry_join_wan : c.retry_join;
  const auto& pool = wan ? n.cluster.wan : n.cluster.lan;
  if (addresses.empty() || !pool) return;
  members::join_setup s;
  s.cluster = wan ? "WAN" : "LAN";
  s.addresses = addresses;
  s.interval = wan ? c.retry_interval_wan : c.retry_interval;
  s.most_attempts = wan ? c.retry_max_wan : c.retry_max;
  s.give_up = n.give_up;
  n.pool_actors.push_back(members::spawn_join(*n.system, pool, std::move(s)));
}

status join_once(node& n, const pool_handle& pool, const std::vector<std::string>& addresses, const char* which) {
  if (addresses.empty() || !pool) return {};
  status out;
  caf::scoped_actor self{*n.system};
  telemetry::print(STDOUT_FILENO, fmt::format("==> Joining {}cluster...\n", std::string_view(which) == "WAN" ? "-wan " : ""));
  std::vector<std::string> shown;
  for (auto& a : addresses) shown.push_back(hide_secrets(a));
  log::info("agent", "({}) joining: addresses=[{}]", which, fmt::join(shown, ", "));
  self->request(pool, caf::infinite, pool_join{addresses})
      .receive(
          [&](pool_joined& j) {
            if (j.reached == 0) out = std::move(j.failure);
            else log::info("agent", "({}) joined: number_of_nodes={}", which, j.reached), log::info("agent", "Join completed. Initial agents synced with: agent_count={}", j.reached);
          },
          [&](caf::error& e) { out = error{errc::internal, n.system->render(e)}; });
  return out;
}

} // namespace

status spawn_pools(node& n) {
  if (n.config.port_serf_lan > 0)
    if (auto s = start_pool(n, false); !s) return s;
  if (n.config.server && n.config.serf_bind_wan.port > 0)
    if (auto s = start_pool(n, true); !s) return s;
  if (n.config.server && n.cluster.lan) {
    members::servers_setup s;
    s.datacenter = n.config.datacenter;
    s.lan = n.cluster.lan;
    s.wan = n.cluster.wan;
    s.wan_board = n.wan_board;
    s.raft = caf::actor_cast<servers_sink>(n.raft);
    n.pool_actors.push_back(members::spawn_servers(*n.system, std::move(s)));
  }
  keep_joining(n, false);
  keep_joining(n, true);
  return {};
}

// A keyring file from an earlier start wins over the configuration.
bool gossip_is_encrypted(const node& n) {
  return !n.config.encrypt.empty() || (!n.config.disable_keyring_file && ::access((n.folder->path() + "/serf/local.keyring").c_str(), F_OK) == 0);
}

status join_at_start(node& n) {
  if (auto s = join_once(n, n.cluster.lan, n.config.start_join, "LAN"); !s) return s;
  return join_once(n, n.cluster.wan, n.config.start_join_wan, "WAN");
}

} // namespace actord
