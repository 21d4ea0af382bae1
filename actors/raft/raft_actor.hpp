// The Raft peer: carries out what the Raft core decides, and takes every request that needs the leader: here when this
// server leads, else by asking the server that does. Requests are held while there is no leader, not longer than Consul
// holds them.
// Owns: the core, who proposed what, the log writer, who the other servers are. Talks to: the log writer (make durable),
// the state actor (apply), the peers actor (other servers), proposers. Spawned by: boot. Dies with: the node; takes the log
// writer with it. Timers: one tick. Flooded: the core refuses proposals beyond max_uncommitted_bytes with "overloaded";
// of requests that wait for a leader at most max_held are kept.
#pragma once
#include "actors/interfaces.hpp"
#include "actors/raft/core/types.hpp"
#include "runtime/base/duration.hpp"
#include <caf/actor_system.hpp>
#include <chrono>
#include <functional>

namespace actord {

class log_store;
class state_store;

struct raft_setup {
  raft::options options;           // members: {self} for a server that starts a cluster by itself, else empty
  server_hello hello;              // who we are; known and bootstrapped are filled in by the actor
  nanos hold{7'000'000'000};       // how long a request waits for a leader (rpc_hold_timeout)
  std::chrono::milliseconds tick{100};
  uint64_t seed = 1;
  // What the leader answers itself instead of writing it: true when the result says so (actors/session/leader_desk).
  std::function<bool(std::string_view command, std::chrono::steady_clock::time_point now, apply_result& out)> answers;
  bool detached_writer = true; // false under the test scheduler
};

// `state` says what is applied, and takes snapshots that come from other servers. Fails when the log on disk contradicts
// itself or the state. The actor is a servers_sink, too.
result<raft_handle> spawn_raft_actor(caf::actor_system& system, log_store& log, state_store& state, raft_setup setup, std::shared_ptr<node_status> status);

} // namespace actord
