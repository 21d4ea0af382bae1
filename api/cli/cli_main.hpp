// The command line: `consul-actord COMMAND …`, in Consul's language. Commands talk HTTP to an agent, ours or a real
// Consul; what needs the node itself comes in through the hooks, because this layer must not see it.
#pragma once
#include "runtime/config/loader.hpp"
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::cli {

struct cli_hooks {
  // Runs the agent until it ends, and gives the exit code. `reload` reads the same sources again.
  std::function<int(loaded_config, std::function<result<loaded_config>()> reload)> run_agent;
};

// Where a command reads and writes; handed in, so that tests see every byte.
struct cli_io {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
  std::function<std::string()> read_stdin;                     // to the end
  std::function<std::string(const char* name)> env;            // "" when unset
};

// The whole program: standard streams and the process's environment. Exit codes are Consul's: 0, 1, 2 where the
// command says so, 127 for an unknown command.
int cli_main(int argc, char** argv, const cli_hooks& hooks);

// The same with streams of the caller's; `args` is without the program's name.
int run_command_line(const std::vector<std::string>& args, const cli_io& io, const cli_hooks& hooks);

} // namespace actord::cli
