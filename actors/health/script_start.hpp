// Starts scripts in threads of their own: whoever starts a program waits until the kernel has found and read it, which on a hung file
// system is for ever. Belongs to the loop's thread, and outlives the runs that use it.
#pragma once
#include "actors/health/run.hpp"

namespace actord::health {

class script_starts {
public:
  script_starts(net::io_loop& loop, killed_processes& killed);
  ~script_starts(); // what has not started by then is killed by its thread when it does
  script_starts(const script_starts&) = delete;
  script_starts& operator=(const script_starts&) = delete;

  // The process in a group of its own, or an errno. False: whoever asked has gone, and the process is to be killed.
  using started = std::function<bool(int code, pid_t pid)>;
  // stdin is /dev/null, stdout and stderr go to `out`, which is taken; nothing else of ours is inherited. `done` is called in a
  // later turn of the loop. An error: there can be no such thread, or too many hang.
  status start(std::vector<std::string> words, int out, started done);

private:
  struct shared;
  net::io_loop& loop_;
  killed_processes& killed_;
  std::shared_ptr<shared> shared_;
};

} // namespace actord::health
