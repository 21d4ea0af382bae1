// The Raft peer: carries out what the Raft core decides, and takes every request that needs the leader: here when this
// server leads, else by asking the server that does. Requests are held while there is no leader, not longer than Consul
// holds them.
// Owns: the core, who proposed what, the log writer, who the other servers are. Talks to: the log writer (make durable),
// the state actor (apply), the peers actor (other servers), proposers. Spawned by: boot. Dies with: the node; takes the log
// writer with it. Timers: one tick. Flooded: the core refuses proposals beyond max_uncommitted_bytes with "overloaded";
// of requests that wait for a leader at most max_held are kept.
#pragma once
#include "actors/interfaces/raft.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/messages/leader_messages.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/write_times.hpp"
#include "actors/raft/core/types.hpp"
#include "runtime/base/duration.hpp"
#include "storage/command/apply_result.hpp"
#include <atomic>
#include <caf/actor_system.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace actord {

class log_store;
class state_store;

struct raft_setup {
  raft::options options;           // members: {self} for a server that starts a cluster by itself, else empty
  server_hello hello;              // who we are; known and bootstrapped are filled in by the actor
  nanos hold{7'000'000'000};       // how long a request waits for a leader (rpc_hold_timeout)
  std::chrono::milliseconds tick{100};
  uint64_t seed = 1;
  // What the leader answers itself instead of writing it (actors/session/leader_desk). `current`: the state shows all that the
  // leaders before this one wrote.
  std::function<own_answer(std::string_view command, std::chrono::steady_clock::time_point now, bool current, apply_result& out)> answers;
  std::string recovery_mark; // the file that says that the log was damaged (core/recovery.hpp); removed once it is whole; "": it is
  std::function<void()> state_is_whole;  // called once this server has what the leader had; null: its state is whole
  std::function<void()> look_for_damage; // in the state, now; null: nobody looks
  std::shared_ptr<std::atomic<bool>> snapshot_doubt; // as in snapshot_policy
  std::shared_ptr<write_times> writes; // where to note how long they take; null: nowhere
  bool detached_writer = true; // false under the test scheduler
};

// `state` says what is applied, and takes snapshots that come from other servers. Fails when the log on disk contradicts
// itself or the state. The actor is a servers_sink and a leader_line, too.
result<raft_handle> spawn_raft_actor(caf::actor_system& system, log_store& log, state_store& state, raft_setup setup, std::shared_ptr<node_status> status);

} // namespace actord
