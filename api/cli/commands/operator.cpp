#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "api/cli/table.hpp"

namespace actord::cli {
namespace {

int run_list_peers(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  auto answer = client->call({.path = "/v1/operator/raft/configuration", .query = in.query()});
  if (!answer) return in.fail("Error getting peers: Failed to retrieve raft configuration: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error getting peers: Failed to retrieve raft configuration: " + doc.err().text);
  std::vector<table_row> rows{{"Node", "ID", "Address", "State", "Voter", "RaftProtocol"}};
  auto is = [](const json_node& n, const char* name) {
    const auto* m = member(n, name);
    return m && m->IsBool() && m->GetBool();
  };
  if (const auto* servers = member(doc->root(), "Servers"); servers && servers->IsArray())
    for (auto& s : servers->GetArray()) {
      auto protocol = text(s, "ProtocolVersion");
      rows.push_back({text(s, "Node"), text(s, "ID"), text(s, "Address"), is(s, "Leader") ? "leader" : "follower",
                      is(s, "Voter") ? "true" : "false", protocol.empty() ? "<=1" : protocol});
    }
  in.line(render_table(rows));
  return 0;
}

} // namespace

void add_operator_commands(command_list& to) {
  to.push_back({"operator", "Provides cluster-level tools for Consul operators", "<subcommand> [options]",
                "  Looks at the machinery of the cluster. With ACLs it takes operator privileges."});
  to.push_back({"operator raft", "Provides cluster-level tools for Consul operators", "<subcommand> [options]",
                "  Looks at the servers that replicate the data."});
  to.push_back({"operator raft list-peers", "Display the current Raft peer configuration", "[options]",
                "  Lists the servers that replicate the data, with their part in it.", client_and_server, {}, run_list_peers});
}

} // namespace actord::cli
