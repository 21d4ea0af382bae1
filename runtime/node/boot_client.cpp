// A client agent: no Raft and no state. What it is asked goes to servers, what is registered here is kept here.
#include "actors/messages/client_messages.hpp"
#include "actors/rpc/client_actor.hpp"
#include "runtime/node/node.hpp"
#include <caf/send.hpp>
#include <malloc.h>

namespace actord {

status spawn_client(node& n) {
  rpc_client_setup s;
  s.datacenter = n.config.datacenter;
  s.source_ip = n.config.bind_addr;
  s.hold = n.config.rpc_hold_timeout;
  s.rate = n.config.rpc_rate;
  s.burst = n.config.rpc_max_burst;
  s.seed = fresh_seed();
  s.status = n.status;
  s.members = n.lan_board;
  n.cluster.rpc = spawn_rpc_client(*n.system, std::move(s));
  if (n.cluster.lan) caf::anon_send(n.cluster.lan, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(n.cluster.rpc)});
  return {};
}

void watch_servers(node& n) {
  if (!n.cluster.rpc || n.config.server) return;
  caf::anon_send(caf::actor_cast<caf::actor>(n.cluster.rpc), servers_watch{caf::actor_cast<caf::strong_actor_ptr>(n.agent)});
}

void few_arenas() { ::mallopt(M_ARENA_MAX, 2); }

} // namespace actord
