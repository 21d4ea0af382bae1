// One life of one client agent: its pool, the way to the servers, and what is registered with it, kept in a folder. The pool's
// sockets and the connections to servers have stand-ins, which speak to the world; checks are those with a TTL.
#pragma once
#include "actors/agent/agent_board.hpp"
#include "tests/sim/whole/pool_part.hpp"
#include "tests/sim/whole/rpc_line.hpp"
#include "tests/sim/whole/surroundings.hpp"

namespace actord::sim::whole {

struct client_plan {
  uint32_t slot = 0;
  uint64_t life = 0;
  node_config config; // with its name, id, address and folder
  nanos hold{7'000'000'000};
  uint64_t seed = 1;
  caf::actor_clock::time_point clock; // at the start
  const std::atomic<bool>* full = nullptr;
};

class client_node final : public machine {
public:
  static result<std::unique_ptr<client_node>> boot(surroundings& w, client_plan p, const pace& tempo, prng random);
  ~client_node() override; // as kill -9

  const client_plan plan;
  pool_part gossip;
  agent_handle agent;
  leave_handle leave;
  std::shared_ptr<agent_board> board = std::make_shared<agent_board>();
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  line_handle line;

private:
  client_node(client_plan p, const pace& tempo, prng random) : machine(p.slot, p.life, tempo, random, p.full), plan(std::move(p)) {}
  actord::status spawn(surroundings& w);
};

} // namespace actord::sim::whole
