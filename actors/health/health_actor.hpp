// Runs the agent's checks. Lives in a thread of its own (an io_loop) beside the sockets and processes of the runs.
//
// Owns: the running checks, their timers, descriptors and processes, and what looks names up in the loop. Talks to: the agent (check_results, one message per loop iteration). Spawned by: the agent,
// dies with it: ~health_service stops the loop, kills what runs and joins the thread. Flooded: at most
// `max_running` runs at a time, the others wait their turn in order; those that take longer than a second are counted apart.
#pragma once
#include "actors/health/run.hpp"
#include "actors/interfaces/agent.hpp"
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <memory>

namespace actord::health {

struct health_options {
  tls_settings tls;
  size_t output_cap = default_output_cap;
  size_t max_running = 1024, max_long = 4096;
  uint64_t seed = 1;
};

class health_service : public check_runner {
public:
  // Takes check_start and check_stop; sends check_results to `sink`.
  static result<std::unique_ptr<health_service>> start(caf::actor_system& system, health_options o, caf::strong_actor_ptr sink);
  ~health_service() override;
  const caf::strong_actor_ptr& address() const override;

private:
  struct impl;
  explicit health_service(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord::health
