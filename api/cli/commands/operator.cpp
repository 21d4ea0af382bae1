#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "api/cli/table.hpp"

namespace actord::cli {
namespace {

bool is(const json_node& n, const char* name) {
  const auto* m = member(n, name);
  return m && m->IsBool() && m->GetBool();
}

int run_list_peers(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  auto answer = client->call({.path = "/v1/operator/raft/configuration", .query = in.query()});
  if (!answer) return in.fail("Error getting peers: Failed to retrieve raft configuration: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error getting peers: Failed to retrieve raft configuration: " + doc.err().text);
  std::vector<table_row> rows{{"Node", "ID", "Address", "State", "Voter", "RaftProtocol"}};
  if (const auto* servers = member(doc->root(), "Servers"); servers && servers->IsArray())
    for (auto& s : servers->GetArray()) {
      auto protocol = text(s, "ProtocolVersion");
      rows.push_back({text(s, "Node"), text(s, "ID"), text(s, "Address"), is(s, "Leader") ? "leader" : "follower",
                      is(s, "Voter") ? "true" : "false", protocol.empty() ? "<=1" : protocol});
    }
  in.line(render_table(rows));
  return 0;
}

int run_remove_peer(invocation& in) {
  auto id = in.flags.text("id"), address = in.flags.text("address");
  if (id.empty() && address.empty()) return in.fail("Error removing peer: an address or id is required for the peer to remove");
  if (!id.empty() && !address.empty()) return in.fail("Error removing peer: cannot give both an address and id");
  auto client = in.connect();
  if (!client) return 1;
  api_request r{.method = "DELETE", .path = "/v1/operator/raft/peer", .query = in.query()};
  const std::string what = id.empty() ? "address" : "id", value = id.empty() ? address : id;
  r.query.emplace_back(what, value);
  if (auto answer = client->call(r); !answer) return in.fail("Error removing peer: " + answer.err().text);
  in.line("Removed peer with " + what + " \"" + value + "\"");
  return 0;
}

int run_transfer_leader(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  api_request r{.method = "POST", .path = "/v1/operator/raft/transfer-leader", .query = in.query()};
  if (auto id = in.flags.text("id"); !id.empty()) r.query.emplace_back("id", id);
  auto answer = client->call(r);
  if (!answer) return in.fail("Error transferring leadership: Failed to transfer leadership " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc || !is(doc->root(), "Success")) return in.fail("Error transferring leadership: Failed to transfer leadership");
  in.line("Success");
  return 0;
}

} // namespace

void add_operator_commands(command_list& to) {
  to.push_back({"operator", "Provides cluster-level tools for Consul operators", "<subcommand> [options]",
                "  Looks at the machinery of the cluster and changes it. With ACLs it takes operator privileges."});
  to.push_back({"operator raft", "Provides cluster-level tools for Consul operators", "<subcommand> [options]",
                "  Looks at the servers that replicate the data, and changes which they are."});
  to.push_back({"operator raft list-peers", "Display the current Raft peer configuration", "[options]",
                "  Lists the servers that replicate the data, with their part in it.", client_and_server, {}, run_list_peers});
  to.push_back({"operator raft remove-peer", "Remove a Consul server from the Raft configuration", "[options]",
                "  Takes a server out of those that replicate the data, for good. Meant for one that is gone:\n"
                "  one that still runs is taken in again when it is met.",
                client_and_server,
                {text_flag("address", "Address and server port of the one to remove."), text_flag("id", "Its node ID.")},
                run_remove_peer});
  to.push_back({"operator raft transfer-leader", "Transfer raft leadership to another node", "[options]",
                "  Lets another server lead, at once and without an election in which nobody leads.",
                client_and_server, {text_flag("id", "Node ID of the server to lead; without it the leader chooses.")},
                run_transfer_leader});
  add_autopilot_commands(to);
}

} // namespace actord::cli
