#include "tests/sim/whole/pool_part.hpp"
#include "actors/gossip/pool_settings.hpp"
#include "actors/members/join_actor.hpp"
#include "actors/messages/pool_messages.hpp"
#include "tests/sim/whole/surroundings.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::sim::whole {

namespace {

class simulated_port final : public gossip::packet_port {
public:
  simulated_port(std::shared_ptr<outside> o, std::shared_ptr<pool_inbox> inbox) : outside_(std::move(o)), inbox_(std::move(inbox)) {}
  ~simulated_port() override { inbox_->to = nullptr; }
  uint16_t port() const override { return gossip_port; }
  void start(sink to, int, connection_sink) override { inbox_->to = std::move(to); }
  void taken(const std::vector<gossip::datagram>&) override {}
  size_t send(std::span<const gossip::datagram> out) override {
    if (outside_->self) outside_->world->packets(*outside_->self, out);
    return out.size();
  }
  uint64_t dropped() const override { return 0; }

private:
  std::shared_ptr<outside> outside_;
  std::shared_ptr<pool_inbox> inbox_;
};

struct streams_state {
  static inline const char* name = "streams";
};
caf::behavior streams_behavior(caf::stateful_actor<streams_state>*, std::shared_ptr<outside> o) {
  return {
      [o](const gossip::stream_dial& d) { if (o->self) o->world->dial(*o->self, d); },
      [o](const gossip::stream_write& w) { if (o->self) o->world->write(*o->self, w); },
      [o](const gossip::stream_close& c) { if (o->self) o->world->close(*o->self, c); },
      [](const gossip::stream_taken&) {},
  };
}

} // namespace

status start_pool(pool_part& out, caf::actor_system& system, const node_config& config, const std::string& folder, uint64_t seed, std::shared_ptr<outside> o) {
  auto setup = gossip::setup_of(config, false, folder);
  if (!setup) return setup.err();
  setup->seed = seed;
  setup->board = out.board;
  gossip::pool_io io;
  io.packets = std::make_unique<simulated_port>(o, out.inbox);
  io.broker = [o, &out](caf::actor_system& s, caf::strong_actor_ptr, std::shared_ptr<gossip::stream_backlog> waiting) {
    out.backlog = std::move(waiting);
    return s.spawn(streams_behavior, o);
  };
  auto spawned = gossip::spawn_pool(system, std::move(*setup), std::move(io));
  if (!spawned) return spawned.err();
  out.pool = std::move(*spawned);
  members::join_setup join;
  join.addresses = config.retry_join;
  join.interval = config.retry_interval;
  out.join = members::spawn_join(system, out.pool, std::move(join));
  return {};
}

} // namespace actord::sim::whole
