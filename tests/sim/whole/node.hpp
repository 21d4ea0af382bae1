// One life of one server: the production actors on a CAF system of their own under its test scheduler, with real stores in
// a folder. Only the peers actor and the HTTP front have stand-ins, which speak to the world.
//
// Every actor has a thread of its own in production. Here, an actor that has handled a message is busy for a drawn time,
// and of those that are not busy a drawn one goes on; so actors overtake one another as threads do, and the log writer's
// time is the disk's.
#pragma once
#include "actors/messages/servers_messages.hpp"
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/interfaces.hpp"
#include "actors/raft/core/types.hpp"
#include "actors/session/session_actor.hpp"
#include "runtime/base/prng.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include <array>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>

namespace actord::sim::whole {

constexpr uint64_t never = ~uint64_t{0};
class node;

// What a node's stand-ins tell the world. `from` lives.
class surroundings {
public:
  virtual ~surroundings() = default;
  virtual void send(node& from, const peers_send& m) = 0;
  virtual void want(node& from, const peers_wanted& w) = 0;
  virtual void say(node& from, const peers_say& s) = 0;
  virtual void ask(node& from, peers_ask& a) = 0;
  virtual void reply(node& from, const peers_reply& r) = 0;
  virtual void send_snapshot(node& from, const peers_send_snapshot& m) = 0;
  virtual void settled(node& at, const proposals_done& d) = 0;
  virtual void allowed(node& at, const reads_allowed& r) = 0;
};

// Whom the stand-ins of a node speak to. A node that dies handles its last messages without being heard: `self` is null.
struct outside {
  surroundings* world = nullptr;
  node* self = nullptr;
};

// What a server is started with, and what is drawn for the run.
struct node_plan {
  uint32_t slot = 0;
  uint64_t life = 0;
  std::string folder;
  server_hello hello;
  raft::options options;         // without self
  std::vector<found_server> found; // as gossip would
  bool bootstrap = false;
  std::chrono::milliseconds tick{100};
  nanos hold{7'000'000'000};
  uint64_t snapshot_threshold = 100, trailing = 10;
  nanos snapshot_interval{1'000'000'000};
  uint64_t seed = 1;
  caf::actor_clock::time_point clock; // at the start
  const std::atomic<bool>* full = nullptr;
};

// Microseconds that actors are busy after a message.
struct pace {
  uint64_t usual = 100, apply = 400, disk = 3000;
  uint64_t slow_disk = 0; // at most, in place of `disk`, and a part of it in place of `apply`, while not 0
  double stall = 0;                                 // share of messages after which an actor stands still for long
};

struct node_call { // runs inside the front actor
  std::function<void(caf::event_based_actor*)> call;
};

class node {
public:
  static result<std::unique_ptr<node>> boot(surroundings& w, node_plan p, const pace& tempo, prng random);
  ~node(); // as kill -9: nothing that is still to be done is done. Set `full` first, so that nothing is written any more.
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // `now` is the world's clock in microseconds, the node's own is `local`.
  void advance(caf::actor_clock::time_point local);
  void work(uint64_t now);
  uint64_t next_work(uint64_t now) const; // when an actor with messages is not busy any more
  caf::actor_clock::time_point next_timer() const; // time_point::max() without one
  caf::actor_clock::time_point clock() const { return clock_->current_time; }
  int64_t clock_nanos() const { return std::chrono::duration_cast<nanos>(clock().time_since_epoch()).count(); }

  bool session_waits() const; // it has messages that it has not handled

  void in_front(std::function<void(caf::event_based_actor*)> f);

  const node_plan plan;
  std::unique_ptr<log_store> log;
  std::unique_ptr<state_store> state;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  std::shared_ptr<autopilot_board> board = std::make_shared<autopilot_board>();
  raft_handle raft;
  caf::actor front;
  std::unique_ptr<reader> views;

private:
  enum job : uint8_t { job_raft, job_log_writer, job_state, job_watch, job_snapshot, job_autopilot, job_session, job_peers, job_front, job_other };
  static job kind_of(caf::resumable* r);
  uint64_t busy_after(job j);

  node(node_plan p, const pace& tempo, prng random) : plan(std::move(p)), tempo_(tempo), random_(random) {}
  actord::status open_stores();
  actord::status spawn(surroundings& w);

  std::shared_ptr<outside> outside_;
  const pace& tempo_;
  prng random_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* jobs_ = nullptr;
  caf::detail::test_actor_clock* clock_ = nullptr;
  peers_handle peers_;
  state_handle writer_;
  watch_handle watch_;
  snapshot_handle snapshots_;
  autopilot_handle autopilot_;
  std::shared_ptr<leader_desk> desk_;
  session_handle sessions_;
  caf::actor scrub_;
  std::array<uint64_t, job_other + 1> free_at_{};
};

} // namespace actord::sim::whole

ACTORD_LOCAL_MESSAGE(actord::sim::whole::node_call)
