#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/leader/leader_actor.hpp"
#include "runtime/node/node.hpp"
#include <caf/actor_registry.hpp>

namespace actord {

status spawn_leader(node& n) {
  coordinate_deps where;
  where.router = n.raft;
  where.rpc = n.cluster.rpc;
  where.lan = n.lan_board;
  where.seed = fresh_seed();
  auto coordinates = spawn_coordinate_actor(*n.system, n.config, std::move(where));
  n.system->registry().put(coordinate_registry_name, caf::actor_cast<caf::strong_actor_ptr>(coordinates));
  n.beside_raft.emplace_back("coordinate", caf::actor_cast<caf::actor>(coordinates));
  if (!n.raft) return {}; // a client agent
  auto sessions = spawn_session_actor(*n.system, {caf::actor_cast<leader_line>(n.raft), n.watch, n.state.get(), n.status, n.config.datacenter});
  n.desk->take(sessions);
  n.beside_raft.emplace_back("session", caf::actor_cast<caf::actor>(sessions));
  if (!n.cluster.lan) return {}; // without a pool every server's agent registers its own node
  auto leader = spawn_leader_actor(*n.system, n.config, {n.raft, n.cluster.lan, n.lan_board, n.state.get(), n.status});
  n.beside_raft.emplace_back("leader", caf::actor_cast<caf::actor>(leader));
  return {};
}

} // namespace actord
