// The inside of the boot order; for runtime/node only. Each file boot_*.cpp starts one group of actors.
#pragma once
#include "actors/agent/agent_actor.hpp"
#include "actors/autopilot/autopilot_actor.hpp"
#include "actors/interfaces.hpp"
#include "actors/messages/event_messages.hpp"
#include "actors/session/session_actor.hpp"
#include "api/consul_rpc/rpc_server.hpp"
#include "api/dns/dns_server.hpp"
#include "api/http/http_server.hpp"
#include "api/watch/agent_watches.hpp"
#include "runtime/net/notify_socket.hpp"
#include "runtime/node/data_folder.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace actord {

// Everything that runs, in the order in which it is made; taken down in reverse.
struct node {
  node_config config;
  net::notify_socket manager = net::notify_socket::from_environment();
  std::unique_ptr<data_folder> folder;
  std::unique_ptr<log_store> log;
  std::unique_ptr<state_store> state;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  std::unique_ptr<caf::actor_system_config> system_config;
  std::unique_ptr<caf::actor_system> system;
  raft_handle raft;     // null on a client agent, as are the others up to the snapshots
  router_handle router; // who carries out writes: Raft, or the way to the servers
  peers_handle peers;
  state_handle writer;
  watch_handle watch;
  snapshot_handle snapshots;
  std::shared_ptr<agent_board> board = std::make_shared<agent_board>();
  agent_handle agent;
  events_handle events; // hears user events
  std::vector<caf::actor> pool_actors; // who joins, who finds servers
  std::function<void()> give_up; // ends the node; whoever calls has said why
  cluster_links cluster; // the fronts and the agent get copies, so it is complete before they start
  std::shared_ptr<pool_board> lan_board = std::make_shared<pool_board>(), wan_board = std::make_shared<pool_board>();
  std::shared_ptr<autopilot_board> health_board = std::make_shared<autopilot_board>();
  std::shared_ptr<std::atomic<bool>> leaving = std::make_shared<std::atomic<bool>>(false);
  autopilot_handle autopilot;
  std::vector<std::pair<std::string, caf::actor>> beside_raft; // by name: reconcile, sessions, coordinates; they end first
  std::shared_ptr<leader_desk> desk; // what the leader answers without writing it
  caf::actor supervisor;
  std::unique_ptr<consul_rpc::rpc_server> rpc_server; // on servers
  std::unique_ptr<http::http_server> http;
  std::unique_ptr<dns::dns_server> dns;
  watch::agent_watches watches; // of the configuration
  std::vector<int> log_sinks;   // whose level a reload changes
};

uint64_t fresh_seed();

status spawn_pools(node& n);  // boot_pools.cpp: gossip, members, finding servers
status join_at_start(node& n); // start_join; the failure ends the agent
bool gossip_is_encrypted(const node& n);
status spawn_rpc(node& n);    // boot_rpc.cpp: Consul's RPC, served and (on a client agent) asked
status spawn_leader(node& n); // boot_leader.cpp: what the leader does beside Raft
status spawn_events(node& n); // boot_events.cpp: user events, remote execution
status start_watches(node& n, const node_config& config); // the watches of this configuration instead of those that run
status spawn_client(node& n); // boot_client.cpp: a client agent's way to the servers; after the pools
void watch_servers(node& n);  // the local agent hears of new servers; after it was spawned
class end_watch;
void take_down(node& n, end_watch& watch); // take_down.cpp
void few_arenas();            // before there are threads: they share what they allocate from

} // namespace actord
