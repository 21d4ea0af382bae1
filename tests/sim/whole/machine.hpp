// One life of one process: actors on a CAF system of their own under its test scheduler, with a clock of their own. `node` is
// that of a server, `client_node` that of a client agent.
//
// Every actor has a thread of its own in production. Here, an actor that has handled a message is busy for a drawn time,
// and of those that are not busy a drawn one goes on; so actors overtake one another as threads do, and the log writer's
// time is the disk's.
#pragma once
#include "actors/messages/messages.hpp"
#include "runtime/base/duration.hpp"
#include "runtime/base/prng.hpp"
#include <array>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>

namespace actord::sim::whole {

constexpr uint64_t never = ~uint64_t{0};
class surroundings;
class machine;

// Whom the stand-ins of a process speak to. One that dies handles its last messages without being heard: `self` is null.
struct outside {
  surroundings* world = nullptr;
  machine* self = nullptr;
};

// Microseconds that actors are busy after a message.
struct pace {
  uint64_t usual = 100, apply = 400, disk = 3000;
  uint64_t slow_disk = 0; // at most, in place of `disk`, and a part of it in place of `apply`, while not 0
  double stall = 0;       // share of messages after which an actor stands still for long
};

struct node_call { // runs inside the front actor
  std::function<void(caf::event_based_actor*)> call;
};

class machine {
public:
  machine(const machine&) = delete;
  virtual ~machine() = default;

  // `now` is the world's clock in microseconds, the process's own is `local`.
  void advance(caf::actor_clock::time_point local);
  void work(uint64_t now);
  uint64_t next_work(uint64_t now) const; // when an actor with messages is not busy any more
  caf::actor_clock::time_point next_timer() const; // time_point::max() without one
  caf::actor_clock::time_point clock() const { return clock_->current_time; }
  int64_t clock_nanos() const { return std::chrono::duration_cast<nanos>(clock().time_since_epoch()).count(); }
  int64_t unix_now() const { return clock_nanos() / 1'000'000'000; } // its time of day, which runs like its clock

  bool session_waits() const; // it has messages that it has not handled

  void in_front(std::function<void(caf::event_based_actor*)> f);

  const uint32_t slot;
  const uint64_t life;
  caf::actor front;

protected:
  enum job : uint8_t { job_raft, job_log_writer, job_state, job_watch, job_snapshot, job_autopilot, job_session, job_peers, job_front,
                       job_pool, job_leader, job_servers, job_agent, job_persister, job_rpc, job_other };

  machine(uint32_t which, uint64_t which_life, const pace& tempo, prng random, const std::atomic<bool>* full)
      : slot(which), life(which_life), tempo_(tempo), random_(random), full_(full) {}
  void start(surroundings& w, caf::actor_clock::time_point at);
  // As kill -9: what is still to be done is done unheard, and nothing of it is kept. `end` drops the handles.
  void kill(const std::function<void()>& end);
  template <class Handle> static void end_of(Handle& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::kill);
    handle = nullptr;
  }

  std::shared_ptr<outside> outside_;
  std::unique_ptr<caf::actor_system> system_;

private:
  static job kind_of(caf::resumable* r);
  uint64_t busy_after(job j);

  const pace& tempo_;
  prng random_;
  const std::atomic<bool>* full_;
  caf::actor_system_config config_;
  caf::scheduler::test_coordinator* jobs_ = nullptr;
  caf::detail::test_actor_clock* clock_ = nullptr;
  std::array<uint64_t, job_other + 1> free_at_{};
};

} // namespace actord::sim::whole

ACTORD_LOCAL_MESSAGE(actord::sim::whole::node_call)
