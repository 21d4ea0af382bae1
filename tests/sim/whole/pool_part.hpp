// The gossip pool of a process: the production actor, and stand-ins for its sockets, which speak to the world.
#pragma once
#include "actors/gossip/io_messages.hpp"
#include "actors/gossip/stream_backlog.hpp"
#include "actors/interfaces/cluster.hpp"
#include "runtime/config/node_config.hpp"
#include "tests/sim/whole/machine.hpp"

namespace actord::sim::whole {

constexpr uint16_t gossip_port = 8301;

struct pool_inbox { // where packets of the world go; nowhere before the actor listens and after it ended
  gossip::packet_port::sink to;
};

struct pool_part {
  pool_handle pool;
  std::shared_ptr<pool_board> board = std::make_shared<pool_board>();
  std::shared_ptr<pool_inbox> inbox = std::make_shared<pool_inbox>();
  std::shared_ptr<gossip::stream_backlog> backlog; // of streams' bytes; null before the actor began
  caf::actor join;

  void packet(gossip::datagram d) const {
    if (inbox->to) inbox->to({std::move(d)});
  }
  template <class T> void tell(T message) const { caf::anon_send<caf::message_priority::high>(caf::actor_cast<caf::actor>(pool), std::move(message)); }
};

// As runtime/node does: the pool of the configuration, and who joins it through the configuration's addresses.
status start_pool(pool_part& out, caf::actor_system& system, const node_config& config, const std::string& folder, uint64_t seed, std::shared_ptr<outside> o);

} // namespace actord::sim::whole
