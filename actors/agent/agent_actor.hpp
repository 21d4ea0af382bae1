// The local agent: what is registered here, that its checks run, that the catalog knows it.
//
// Owns: local_state and anti_entropy (core/), the journal, the health service (a thread), the persister (an actor with a
// thread, none without a data directory). Talks to: the router (proposals), the persister, the health actor, the pools, on a client
// agent servers. Publishes: agent_board. Spawned by: boot. Dies with boot's exit message; running scripts are killed then and
// files not yet written are written. Timers: one, at the earliest of TTLs, held outputs, retries, comparisons, file writes.
// Flooded: registrations wait in the mailbox; what goes to the catalog is batched, one batch at a time.
#pragma once
#include "actors/agent/agent_board.hpp"
#include "actors/interfaces/agent.hpp"
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "runtime/config/node_config.hpp"
#include "storage/state/read_view.hpp"
#include <atomic>
#include <caf/actor_system.hpp>
#include <functional>
#include <optional>

namespace actord {

// What a reload read: how to apply it, in the agent's thread, or why that cannot be.
struct new_config {
  result<std::function<result<node_config>()>> apply;
};
using read_config_fn = std::function<void(std::function<void(new_config)> done)>;

struct agent_deps {
  router_handle router;
  state_store* store = nullptr; // outlives the actor; null: nothing is compared (tests)
  std::shared_ptr<node_status> status;
  std::shared_ptr<agent_board> board;
  read_config_fn reload; // reads the configuration again, and is done in any thread, once; empty: reload changes nothing
  start_checks_fn start_checks;                // empty: checks are known, not run (tests)
  cluster_links cluster;                       // empty in tests
  std::function<actord::status()> remake_folder;      // the data directory, after somebody removed it; empty: it is just a folder
  std::shared_ptr<const std::atomic<bool>> leaving; // set in any thread; empty: never
  // For an actor system of one thread and with a time of its own (tests/sim/whole): the agent has no thread, and spawn_agent does
  // not wait for it. `began` hears what spawn_agent would have said.
  struct simulation {
    uint64_t seed = 1;
    std::function<int64_t()> unix_now; // seconds
    std::function<void(const error&)> began;
  };
  std::optional<simulation> simulated;
};

// The configuration must have its node_id. Registrations from files and from the data directory stand on the board when
// this returns. Error: a service or check of the configuration does not hold; the agent must not run without it.
result<agent_handle> spawn_agent(caf::actor_system& system, const node_config& config, agent_deps deps);

// What this node is in the catalog, as a server or a client.
inline constexpr std::string_view consul_version = "1.8.7"; // whose place we take

} // namespace actord
