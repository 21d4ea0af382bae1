// From a configuration to a running node and back to an exit code.
#pragma once
#include "runtime/config/loader.hpp"
#include <functional>

namespace actord {

// Runs until a signal or /v1/agent/leave ends it. Signals are those of Consul's agent: SIGHUP reloads; SIGINT and SIGTERM
// leave gracefully where skip_leave_on_interrupt and leave_on_terminate say so, else stop at once; so do a second one, and 15 s
// without having left. Whatever holds up the end does so for 15 s at most (end_watch.hpp). `reload` reads the same sources
// again; its error is the text that a client of /v1/agent/reload gets. Exit codes as Consul: 0 after a graceful leave, 1 after
// anything else.
int run_agent(loaded_config loaded, std::function<result<loaded_config>()> reload);

} // namespace actord
