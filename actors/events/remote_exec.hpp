// Runs the jobs of `consul exec` on this node, each in a thread of its own: read the job from KV, say that we have it, run
// it, write its output and exit code below our name. All keys are held by the asker's session, so that a job whose asker
// is gone ends at its next output or heartbeat.
#pragma once
#include "actors/events/core/exec_job.hpp"
#include "actors/interfaces/cluster.hpp"
#include <atomic>
#include <caf/actor_system.hpp>
#include <list>
#include <thread>

namespace actord::events {

struct exec_site { // who runs it
  std::string node, datacenter, token;
};

class remote_exec {
public:
  remote_exec(caf::actor_system& system, rpc_handle rpc, exec_site site) : system_(system), rpc_(std::move(rpc)), site_(std::move(site)) {}
  ~remote_exec(); // kills what runs
  // `payload`: of the event. Refused, with a line in the log, when too many run already.
  void start(std::string payload);

private:
  struct job {
    std::thread thread;
    std::atomic<bool> done{false};
  };
  void run(const std::string& payload);
  void gather();

  caf::actor_system& system_;
  rpc_handle rpc_;
  exec_site site_;
  std::list<job> jobs_;
  std::atomic<bool> stop_{false};
};

} // namespace actord::events
