#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"

namespace actord::cli {
namespace {

int show_maintenance(invocation& in, http_client& client) {
  auto answer = client.call({.path = "/v1/agent/checks"});
  if (!answer) return in.fail("Error getting checks: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error getting checks: " + doc.err().text);
  if (!doc->root().IsObject()) return 0;
  std::map<std::string, const json_node*> sorted;
  for (auto& m : doc->root().GetObject()) sorted[text(m.value, "CheckID")] = &m.value;
  for (auto& [id, check] : sorted) {
    if (id == "_node_maintenance") {
      in.line("Node:");
      in.line("  Name:   " + text(*check, "Node"));
    } else if (id.starts_with("_service_maintenance:")) {
      in.line("Service:");
      in.line("  ID:     " + text(*check, "ServiceID"));
    } else continue;
    in.line("  Reason: " + text(*check, "Notes") + "\n");
  }
  return 0;
}

int run_maint(invocation& in) {
  bool enable = in.flags.boolean("enable"), disable = in.flags.boolean("disable");
  auto reason = in.flags.text("reason"), service = in.flags.text("service");
  if (enable && disable) return in.fail("Only one of -enable or -disable may be provided");
  if (!enable && !reason.empty()) return in.fail("Reason may only be provided with -enable");
  if (!enable && !disable && !service.empty()) return in.fail("Service requires either -enable or -disable");
  auto client = in.connect();
  if (!client) return 1;
  if (!enable && !disable) {
    if (auto answer = client->call({.path = "/v1/agent/self"}); !answer)
      return in.fail("Error querying Consul agent: " + answer.err().text);
    return show_maintenance(in, *client);
  }
  api_request r{.method = "PUT", .path = service.empty() ? "/v1/agent/maintenance" : "/v1/agent/service/maintenance/" + service};
  r.query = {{"enable", enable ? "true" : "false"}};
  if (enable) r.query.emplace_back("reason", reason);
  std::string what = service.empty() ? "node" : "service";
  if (auto answer = client->call(r); !answer)
    return in.fail(std::string("Error ") + (enable ? "enabling " : "disabling ") + what + " maintenance: " + answer.err().text);
  std::string state = enable ? "enabled" : "disabled";
  in.line(service.empty() ? "Node maintenance is now " + state
                          : "Service maintenance is now " + state + " for \"" + service + "\"");
  return 0;
}

} // namespace

void add_maint_command(command_list& to) {
  to.push_back({"maint", "Controls node or service maintenance mode", "[options]",
                "  Takes the node, or one service of the agent, out of the answers that clients get\n"
                "  from DNS and from queries for what is healthy (?passing), and puts it back. A\n"
                "  critical check is what does it, and it survives a restart of the agent.\n\n"
                "  Without flags it shows what is in maintenance; nothing, when nothing is.",
                client_flags,
                {bool_flag("disable", "End maintenance."), bool_flag("enable", "Begin maintenance."),
                 text_flag("reason", "Why; becomes the note of the check."),
                 text_flag("service", "ID of the service to act on instead of the whole node.")},
                run_maint});
}

} // namespace actord::cli
