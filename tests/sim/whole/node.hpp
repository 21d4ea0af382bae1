// One life of one server: the production actors with real stores in a folder. Only the peers actor, the sockets of the pool and
// the fronts have stand-ins, which speak to the world.
#pragma once
#include "actors/interfaces/raft.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include "actors/messages/leader_messages.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/servers_messages.hpp"
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/raft/core/types.hpp"
#include "actors/session/session_actor.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include "tests/sim/whole/machine.hpp"
#include "tests/sim/whole/pool_part.hpp"
#include "tests/sim/whole/surroundings.hpp"

namespace actord::sim::whole {

// What a server is started with, and what is drawn for the run.
struct node_plan {
  uint32_t slot = 0;
  uint64_t life = 0;
  std::string folder;
  server_hello hello;
  raft::options options;         // without self
  std::vector<found_server> found; // as gossip would
  bool bootstrap = false;
  std::shared_ptr<const node_config> gossip; // knobs and addresses to join; null: no pool, `found` says who the servers are
  std::chrono::milliseconds tick{100};
  nanos hold{7'000'000'000};
  uint64_t snapshot_threshold = 100, trailing = 10;
  nanos snapshot_interval{1'000'000'000};
  uint64_t seed = 1;
  caf::actor_clock::time_point clock; // at the start
  log_options log; // its `full` is the state's as well
};

class node final : public machine {
public:
  static result<std::unique_ptr<node>> boot(surroundings& w, node_plan p, const pace& tempo, prng random);
  ~node(); // as kill -9: nothing that is still to be done is done. Set `full` first, so that nothing is written any more.
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  const node_plan plan;
  std::unique_ptr<log_store> log;
  std::unique_ptr<state_store> state;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  std::shared_ptr<autopilot_board> board = std::make_shared<autopilot_board>();
  raft_handle raft;
  std::unique_ptr<reader> views;
  std::unique_ptr<pool_part> gossip; // null in a world without client agents

private:
  node(node_plan p, const pace& tempo, prng random) : machine(p.slot, p.life, tempo, random, p.log.full), plan(std::move(p)) {}
  actord::status open_stores();
  actord::status spawn(surroundings& w);
  actord::status spawn_gossip(const node_config& base, uint64_t seed);

  peers_handle peers_;
  state_handle writer_;
  watch_handle watch_;
  snapshot_handle snapshots_;
  autopilot_handle autopilot_;
  std::shared_ptr<leader_desk> desk_;
  session_handle sessions_;
  caf::actor scrub_;
  leader_handle leader_;
  caf::actor servers_;
};

} // namespace actord::sim::whole
