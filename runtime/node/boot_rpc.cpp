#include "runtime/node/node.hpp"
#include <caf/actor_cast.hpp>

namespace actord {

status spawn_rpc(node& n) {
  if (n.config.port_server <= 0) return {};
  auto server = consul_rpc::rpc_server::start(n.config, {*n.system, n.raft, n.watch, *n.state, n.status, n.health_board, n.cluster,
                                                         caf::actor_cast<port_handle>(n.peers), -1});
  if (!server) return error{errc::internal, "Failed to start RPC layer: " + server.err().text};
  n.rpc_server = std::move(*server);
  n.cluster.rpc = n.rpc_server->local();
  return {};
}

} // namespace actord
