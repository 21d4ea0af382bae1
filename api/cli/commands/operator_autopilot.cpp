#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "storage/model/autopilot.hpp"

namespace actord::cli {
namespace {

constexpr const char* config_path = "/v1/operator/autopilot/configuration";

result<autopilot_config> read_config(const invocation& in, http_client& client) {
  auto answer = client.call({.path = config_path, .query = in.query()});
  if (!answer) return answer.err();
  autopilot_config c;
  json_options tolerant;
  tolerant.allow_unknown = true; // of newer servers
  if (auto s = from_json(answer->body, c, tolerant); !s) return s.err();
  return c;
}

int run_get_config(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  auto c = read_config(in, *client);
  if (!c) return in.fail("Error querying Autopilot configuration: " + c.err().text);
  auto flag = [](bool b) { return b ? "true" : "false"; };
  in.line(std::string("CleanupDeadServers = ") + flag(c->cleanup_dead_servers));
  in.line("LastContactThreshold = " + format_duration(c->last_contact_threshold));
  in.line("MaxTrailingLogs = " + std::to_string(c->max_trailing_logs));
  in.line("MinQuorum = " + std::to_string(c->min_quorum));
  in.line("ServerStabilizationTime = " + format_duration(c->server_stabilization_time));
  in.line("RedundancyZoneTag = \"" + c->redundancy_zone_tag + "\"");
  in.line(std::string("DisableUpgradeMigration = ") + flag(c->disable_upgrade_migration));
  in.line("UpgradeVersionTag = \"" + c->upgrade_version_tag + "\"");
  return 0;
}

int run_set_config(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  auto c = read_config(in, *client);
  if (!c) return in.fail("Error querying Autopilot configuration: " + c.err().text);
  auto truth = [&](const char* name, bool& into) {
    if (in.flags.has(name)) (void)parse_go_bool(in.flags.text(name), into);
  };
  truth("cleanup-dead-servers", c->cleanup_dead_servers);
  truth("disable-upgrade-migration", c->disable_upgrade_migration);
  c->last_contact_threshold = in.flags.duration("last-contact-threshold", c->last_contact_threshold);
  c->max_trailing_logs = in.flags.unsigned_integer("max-trailing-logs", c->max_trailing_logs);
  c->min_quorum = in.flags.unsigned_integer("min-quorum", c->min_quorum);
  c->server_stabilization_time = in.flags.duration("server-stabilization-time", c->server_stabilization_time);
  c->redundancy_zone_tag = in.flags.text("redundancy-zone-tag", c->redundancy_zone_tag);
  c->upgrade_version_tag = in.flags.text("upgrade-version-tag", c->upgrade_version_tag);
  api_request r{.method = "PUT", .path = config_path, .query = in.query()};
  r.query.emplace_back("cas", std::to_string(c->modify_index));
  r.body = to_json(*c);
  auto answer = client->call(r);
  if (!answer) return in.fail("Error setting Autopilot configuration: " + answer.err().text);
  if (answer->body.find("true") == std::string::npos) {
    in.line("Configuration could not be atomically updated, please try again");
    return 1;
  }
  in.line("Configuration updated!");
  return 0;
}

std::string shown(const json_node& n, const char* name) {
  const auto* m = member(n, name);
  if (!m) return {};
  if (m->IsBool()) return m->GetBool() ? "true" : "false";
  if (m->IsUint64()) return std::to_string(m->GetUint64());
  return text(*m);
}

void show_state(const invocation& in, const json_node& state) {
  in.line("Healthy:                      " + shown(state, "Healthy"));
  in.line("Failure Tolerance:            " + shown(state, "FailureTolerance"));
  in.line("Optimistic Failure Tolerance: " + shown(state, "OptimisticFailureTolerance"));
  in.line("Leader:                       " + shown(state, "Leader"));
  in.line("Voters:");
  if (const auto* voters = member(state, "Voters"); voters && voters->IsArray())
    for (auto& v : voters->GetArray()) in.line("   " + text(v));
  in.line("Servers:");
  const auto* servers = member(state, "Servers");
  if (!servers || !servers->IsObject()) return;
  for (auto& s : servers->GetObject()) {
    in.line("   " + text(s.name));
    for (auto [label, name] : {std::pair{"Name:         ", "Name"}, {"Address:      ", "Address"}, {"Version:      ", "Version"},
                               {"Status:       ", "Status"}, {"Node Type:    ", "NodeType"}, {"Node Status:  ", "NodeStatus"},
                               {"Healthy:      ", "Healthy"}, {"Last Contact: ", "LastContact"}, {"Last Term:    ", "LastTerm"},
                               {"Last Index:   ", "LastIndex"}, {"Stable Since: ", "StableSince"}})
      in.line("      " + std::string(label) + shown(s.value, name));
  }
}

int run_state(invocation& in) {
  auto format = in.flags.text("format", "pretty");
  if (format != "pretty" && format != "json") return in.fail("Unknown format: " + format);
  auto client = in.connect();
  if (!client) return 1;
  auto answer = client->call({.path = "/v1/operator/autopilot/state", .query = in.query()});
  if (!answer) return in.fail("Error querying Autopilot state: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error querying Autopilot state: " + doc.err().text);
  if (format == "json") in.line(json_pretty(answer->body, "    ", false));
  else show_state(in, doc->root());
  return 0;
}

// Its errors are those of the flags that Consul made itself.
flag_spec truth_flag(std::string name, std::string help) {
  return {.name = std::move(name), .kind = flag_kind::boolean, .help = std::move(help), .value_word = "true|false", .strconv_errors = true};
}

} // namespace

void add_autopilot_commands(command_list& to) {
  to.push_back({"operator autopilot", "Provides tools for modifying Autopilot configuration", "<subcommand> [options]",
                "  Looks at what keeps the servers in order, and changes its settings."});
  to.push_back({"operator autopilot get-config", "Display the current Autopilot configuration", "[options]",
                "  Shows the settings that hold for the whole cluster.", client_and_server, {}, run_get_config});
  to.push_back({"operator autopilot set-config", "Modify the current Autopilot configuration", "[options]",
                "  Changes the settings that are given and leaves the others.", client_and_server,
                {truth_flag("cleanup-dead-servers", "Remove dead servers once others have taken their place."),
                 truth_flag("disable-upgrade-migration", "Kept for Consul Enterprise; of no effect."),
                 {.name = "last-contact-threshold", .kind = flag_kind::duration, .help = "Silence after which a server is unhealthy, such as 200ms.", .value_word = "200ms", .strconv_errors = true},
                 {.name = "max-trailing-logs", .kind = flag_kind::unsigned_integer, .help = "Log entries that a healthy server may be behind.", .value_word = "value", .strconv_errors = true},
                 {.name = "min-quorum", .kind = flag_kind::unsigned_integer, .help = "Servers below which no dead one is removed.", .value_word = "value", .strconv_errors = true},
                 text_flag("redundancy-zone-tag", "Kept for Consul Enterprise; of no effect.", "value"),
                 {.name = "server-stabilization-time", .kind = flag_kind::duration, .help = "How long a new server must be healthy before it votes, such as 10s.", .value_word = "10s", .strconv_errors = true},
                 text_flag("upgrade-version-tag", "Kept for Consul Enterprise; of no effect.", "value")},
                run_set_config});
  to.push_back({"operator autopilot state", "Display the current Autopilot state", "[options]",
                "  Shows what autopilot thinks of each server.", client_and_server,
                {text_flag("format", "pretty or json.", "string", "pretty")}, run_state});
}

} // namespace actord::cli
