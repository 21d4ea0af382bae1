// Consul's RPC on the server port (8300), for client agents, ours and Consul's alike. It accepts all connections of that port and
// hands those of other servers to the peers actor; the first byte tells.
// Owns: the listener, loops with a thread each, the connections and calls in them (front.hpp).
// Talks to: the router, the watch actor, peers; methods also to others. Started by: boot. Ends with: stop().
// Flooded: connections per client, bytes per request, per connection and in all are bounded; a client that does not read gets no
// more answers made. Raft's connections live in another thread.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include "actors/messages/port_messages.hpp"
#include "runtime/config/node_config.hpp"
#include <caf/actor_system.hpp>
#include <memory>

namespace actord {
class autopilot_board;
class state_store;
}

namespace actord::consul_rpc {

struct rpc_deps {
  caf::actor_system& system;
  router_handle router;
  watch_handle watch;
  state_store& store;
  std::shared_ptr<node_status> status;
  std::shared_ptr<const autopilot_board> autopilot; // null in tests that need none
  cluster_links cluster;
  port_handle peers;                                // null: connections of servers are closed
  int listener = -1;                                // a listening descriptor to take over instead of opening rpc_bind
};

class rpc_server {
public:
  // Listens at config.rpc_bind unless it was given a listener. `config` outlives the server.
  static result<std::unique_ptr<rpc_server>> start(const node_config& config, rpc_deps deps);
  ~rpc_server();
  rpc_server(const rpc_server&) = delete;
  rpc_server& operator=(const rpc_server&) = delete;

  uint16_t port() const;
  rpc_handle local() const; // carries out a call of this process
  void stop();

private:
  struct impl;
  explicit rpc_server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord::consul_rpc
