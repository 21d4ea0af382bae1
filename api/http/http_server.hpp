// The HTTP API of a node: listeners, loops with their threads, and a front in each. Made by the boot order when
// everything that handlers use is there.
#pragma once
#include "actors/interfaces/agent.hpp"
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"
#include <memory>
#include <vector>

namespace actord {
class agent_board;
class autopilot_board;
class state_store;
} // namespace actord

namespace actord::http {

struct http_deps {
  caf::actor_system& system;
  router_handle router;
  watch_handle watch;
  agent_handle agent;
  std::shared_ptr<const agent_board> board; // may be null
  state_store* store; // null on a client agent: the servers are asked
  std::shared_ptr<node_status> status;
  std::shared_ptr<const autopilot_board> autopilot = nullptr;
  cluster_links cluster = {};
  size_t memory = 0; // bytes that connections together may make it hold; 0: a quarter of the machine's
};

class http_server {
public:
  // Listens on config.http_addrs and serves. `config` and what `deps` refers to outlive the server. An error names the
  // address that could not be opened.
  static result<std::unique_ptr<http_server>> start(const node_config& config, http_deps deps);
  ~http_server(); // stops
  // Stops accepting, drops all connections, joins the threads; takes some milliseconds.
  void stop();
  // The TCP ports of config.http_addrs in their order (0 for a unix socket): what port 0 became.
  std::vector<uint16_t> ports() const;

private:
  struct impl;
  explicit http_server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord::http
