// From a configuration to a running node and back to an exit code.
#pragma once
#include "runtime/config/node_config.hpp"
#include <functional>
#include <string>
#include <vector>

namespace actord {

struct boot_request {
  node_config config;
  std::vector<std::string> warnings; // of the loader, logged once the log is open
  // Reads the sources again (SIGHUP, /v1/agent/reload); the error is the text that the client gets.
  std::function<result<node_config>()> reload;
};

// Runs until a signal or /v1/agent/leave ends it. Signals are those of Consul's agent: SIGHUP reloads; SIGINT and SIGTERM
// leave gracefully where skip_leave_on_interrupt and leave_on_terminate say so, else stop at once; a second one, or 15 s
// without finishing, ends the process. Exit codes as Consul: 0 after a graceful leave, 1 after anything else.
int run_agent(boot_request request);

} // namespace actord
