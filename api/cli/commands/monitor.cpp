#include "api/cli/commands/groups.hpp"
#include <csignal>
#include <unistd.h>

namespace actord::cli {
namespace {

// The read of the log blocks; an interrupt is the ordinary end of this command.
void leave_quietly(int) { ::_exit(0); }

int run_monitor(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  ::signal(SIGINT, leave_quietly);
  ::signal(SIGTERM, leave_quietly);
  api_request r{.path = "/v1/agent/monitor", .query = {{"loglevel", in.flags.text("log-level", "INFO")}}};
  if (in.flags.boolean("log-json")) r.query.emplace_back("logjson", "true");
  std::string pending; // a line that has not ended yet
  r.on_body = [&](std::string_view piece) {
    pending += piece;
    if (auto end = pending.rfind('\n'); end != std::string::npos) {
      in.io.out(std::string_view(pending).substr(0, end + 1));
      pending.erase(0, end + 1);
    }
    return true;
  };
  auto answer = client->call(r);
  if (!answer && answer.err().text.starts_with("Unexpected response code")) return in.fail("Error starting monitor: " + answer.err().text);
  if (!answer && answer.err().text.find("dial ") != std::string::npos) return in.fail("Error starting monitor: " + answer.err().text);
  if (!pending.empty()) in.line(pending);
  in.line("\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.");
  return 1;
}

} // namespace

void add_monitor_command(command_list& to) {
  to.push_back({"monitor", "Stream logs from a Consul agent", "[options]",
                "  Shows what the agent logs, as it happens, until interrupted. The level may be\n"
                "  lower than the one the agent itself logs at.",
                client_flags,
                {bool_flag("log-json", "Show log lines as JSON."),
                 text_flag("log-level", "Lowest level to show: trace, debug, info, warn or err.")},
                run_monitor});
}

} // namespace actord::cli
