// The DNS front of a node: listens on the configured addresses over UDP and TCP and answers from the local state.
//
// Owns its threads (two, or one on a single core), each with a loop hosted by a CAF actor, and one that makes long lists for them. start() and stop() are called
// by whoever boots the node; stop() returns within 100 ms, when no thread runs any more. The store must outlive it.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/status.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"
#include <caf/actor_system.hpp>
#include <functional>
#include <memory>

namespace actord {

class long_reads;
class state_store;

namespace dns {

struct server_deps {
  caf::actor_system& system;
  state_store* store; // null on a client agent: servers are asked, by `rpc`
  std::shared_ptr<const node_status> status;
  rpc_handle rpc = {};
};

class dns_server {
public:
  // Errors: an address that cannot be bound ("listen udp 127.0.0.1:8600: bind: Address already in use"). No address in
  // the configuration is no error: nothing listens. A port 0 is for tests: any is taken, the same for UDP and TCP.
  static result<std::unique_ptr<dns_server>> start(const node_config& config, server_deps deps);
  ~dns_server();

  // Takes over the dns_* settings, recursors, domains; addresses stay as they were. Reading them may look up recursors' names, for 5 s at
  // most; then `done` is called, in any thread, with what applies them at once. Error: a recursor is not to be found.
  using new_settings = std::function<void(dns_server&)>;
  static void prepare_reload(const node_config& config, std::function<void(result<new_settings>)> done);
  void stop();
  uint16_t port() const { return port_; } // of the first address

private:
  dns_server();
  struct running;
  std::unique_ptr<long_reads> elsewhere_; // outlives the threads, which it makes lists for
  std::vector<std::unique_ptr<running>> threads_;
  uint16_t port_ = 0;
};

} // namespace dns
} // namespace actord
