// Ends sessions whose TTL is over, and has lock delays that are over forgotten, while this server leads.
// Owns: the core with everybody's time. Talks to: the watch actor (sessions came or went), the router (ends them; lock delays).
// Spawned by: boot. Dies with the node. Timers: one, every 250 ms. Flooded: renewals are one look-up
// each; changes of sessions are looked at together, once per tick.
#pragma once
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include "actors/messages/leader_messages.hpp"
#include "storage/command/apply_result.hpp"
#include <caf/actor_system.hpp>
#include <memory>
#include <mutex>

namespace actord {

class reader;
class state_store;

struct session_deps {
  leader_line router;
  watch_handle watch;
  state_store* store; // outlives the actor
  std::shared_ptr<node_status> status;
  std::string datacenter;
};
session_handle spawn_session_actor(caf::actor_system& system, session_deps deps);

// What the leader answers itself when it is proposed (raft_setup::answers): renewals of sessions, and locks of keys that
// are delayed. Made before the session actor exists; take() gives it that. Any thread.
class leader_desk {
public:
  explicit leader_desk(state_store& store);
  ~leader_desk();
  void take(session_handle sessions);
  // Whether `out` is the answer; the command is then not written. `now`: the clock of whoever applies. `current`: the state
  // shows all that the leaders before this one wrote; until then what depends on it has to wait.
  own_answer answer(std::string_view command, std::chrono::steady_clock::time_point now, bool current, apply_result& out);

private:
  void renew(std::string_view body, apply_result& out);
  bool lock(std::string_view body, std::chrono::steady_clock::time_point now, apply_result& out);
  bool txn(std::string_view body, std::chrono::steady_clock::time_point now, apply_result& out);
  state_store& store_;
  std::mutex mutex_;
  std::unique_ptr<reader> views_; // guarded by mutex_
  session_handle sessions_;       // guarded by mutex_
};

} // namespace actord
