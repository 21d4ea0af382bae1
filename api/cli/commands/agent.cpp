// Commands about the agent and its cluster: members, info, join, force-leave, leave, reload.
#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "api/cli/table.hpp"
#include "runtime/base/pattern.hpp"
#include <algorithm>

namespace actord::cli {
namespace {

struct member_line {
  std::string name, address, status;
  std::map<std::string, std::string> tags;
};

member_line read_member(const json_node& n) {
  static constexpr const char* states[] = {"none", "alive", "leaving", "left", "failed"};
  member_line m{text(n, "Name"), {}, "unknown", texts(n, "Tags")};
  auto ip = text(n, "Addr");
  m.address = (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(number(n, "Port"));
  if (auto s = number(n, "Status"); s >= 0 && s < 5) m.status = states[s];
  if (m.tags["segment"].empty()) m.tags["segment"] = m.tags["role"] == "consul" ? "<all>" : "<default>";
  return m;
}

table_row short_row(member_line m) {
  auto role = m.tags["role"];
  if (role != "consul" && role != "node") return {m.name, m.address, m.status, "unknown", "", "", "", ""};
  auto build = m.tags["build"];
  if (build.empty()) build = "< 0.3";
  build = build.substr(0, build.find(':'));
  return {m.name, m.address, m.status, role == "node" ? "client" : "server", build, m.tags["vsn"], m.tags["dc"], m.tags["segment"]};
}

table_row detailed_row(const member_line& m) {
  std::string tags;
  for (auto& [k, v] : m.tags) tags += (tags.empty() ? "" : ",") + k + "=" + v;
  return {m.name, m.address, m.status, tags};
}

int run_members(invocation& in) {
  auto wanted = pattern::compile(in.flags.text("status", ".*"));
  if (!wanted) return in.fail("Failed to compile status regexp: " + wanted.err().text);
  auto client = in.connect();
  if (!client) return 1;
  query_list query{{"segment", in.flags.text("segment", "_all")}};
  if (in.flags.boolean("wan")) query.emplace_back("wan", "1");
  auto answer = client->call({.path = "/v1/agent/members", .query = query});
  if (!answer) return in.fail("Error retrieving members: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return in.fail("Error retrieving members: " + doc.err().text);
  std::vector<member_line> members;
  if (doc->root().IsArray())
    for (auto& n : doc->root().GetArray())
      if (auto m = read_member(n); wanted->matches(m.status)) members.push_back(std::move(m));
  if (members.empty()) return 2;
  std::ranges::stable_sort(members, [](auto& a, auto& b) {
    return std::pair(a.tags.at("segment"), a.name) < std::pair(b.tags.at("segment"), b.name);
  });
  bool detailed = in.flags.boolean("detailed");
  std::vector<table_row> rows;
  if (detailed) rows.push_back({"Node", "Address", "Status", "Tags"});
  else rows.push_back({"Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Segment"});
  for (auto& m : members) rows.push_back(detailed ? detailed_row(m) : short_row(m));
  in.line(render_table(rows));
  return 0;
}

int run_info(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  auto answer = client->call({.path = "/v1/agent/self"});
  if (!answer) return in.fail("Error querying agent: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error querying agent: " + doc.err().text);
  const auto* stats = member(doc->root(), "Stats");
  if (!stats || !stats->IsObject()) return in.fail("Agent response did not contain 'Stats' key");
  std::map<std::string, std::map<std::string, std::string>> sorted;
  for (auto& group : stats->GetObject()) sorted[text(group.name)] = texts(*stats, group.name.GetString());
  for (auto& [name, values] : sorted) {
    in.line(name + ":");
    for (auto& [k, v] : values) in.line("\t" + k + " = " + v);
  }
  return 0;
}

int run_join(invocation& in) {
  if (in.args().empty()) return in.fail_with_help("At least one address to join must be specified.");
  auto client = in.connect();
  if (!client) return 1;
  size_t joined = 0;
  for (auto& address : in.args()) {
    api_request r{.method = "PUT", .path = "/v1/agent/join/" + address};
    if (in.flags.boolean("wan")) r.query.emplace_back("wan", "1");
    if (auto answer = client->call(r)) ++joined;
    else in.error("Error joining address '" + address + "': " + answer.err().text);
  }
  if (joined == 0) return in.fail("Failed to join any nodes.");
  in.line("Successfully joined cluster by contacting " + std::to_string(joined) + " nodes.");
  return 0;
}

int run_force_leave(invocation& in) {
  if (in.args().size() != 1) return in.fail_with_help("A single node name must be specified to force leave.");
  auto client = in.connect();
  if (!client) return 1;
  api_request r{.method = "PUT", .path = "/v1/agent/force-leave/" + in.args()[0]};
  if (in.flags.boolean("prune")) r.query.emplace_back("prune", "1");
  if (auto answer = client->call(r); !answer) return in.fail("Error force leaving: " + answer.err().text);
  return 0;
}

int run_leave(invocation& in) {
  if (!in.args().empty()) {
    std::string words;
    for (auto& a : in.args()) words += (words.empty() ? "" : " ") + a;
    in.line(help_of(in.self));
    return in.fail("Error found unexpected args: [" + words + "]");
  }
  auto client = in.connect();
  if (!client) return 1;
  if (auto answer = client->call({.method = "PUT", .path = "/v1/agent/leave"}); !answer)
    return in.fail("Error leaving: " + answer.err().text);
  in.line("Graceful leave complete");
  return 0;
}

int run_reload(invocation& in) {
  auto client = in.connect();
  if (!client) return 1;
  if (auto answer = client->call({.method = "PUT", .path = "/v1/agent/reload"}); !answer)
    return in.fail("Error reloading: " + answer.err().text);
  in.line("Configuration reload triggered");
  return 0;
}

} // namespace

void add_agent_commands(command_list& to) {
  to.push_back({"members", "Lists the members of a Consul cluster", "[options]",
                "  Lists the nodes that the agent knows, with address and state.\n\n"
                "  Exits with 2 when no member has the wanted state.",
                client_flags,
                {bool_flag("detailed", "Show every tag of each member."),
                 text_flag("segment", "Only members of this network segment; agents without segments refuse any but _all.", "string", "_all"),
                 text_flag("status", "Only members whose state matches this regular expression: alive, leaving, left, failed.", "string", ".*"),
                 bool_flag("wan", "List the servers of all datacenters instead; servers only.")},
                run_members});
  to.push_back({"info", "Provides debugging information for operators.", "[options]",
                "  Prints what the agent counts and knows about itself, grouped by part.", client_flags, {}, run_info});
  to.push_back({"join", "Tell Consul agent to join cluster", "[options] address ...",
                "  Has the running agent join the cluster that one of the addresses belongs to.", client_flags,
                {bool_flag("wan", "Join a server to the servers of another datacenter.")}, run_join});
  to.push_back({"force-leave", "Forces a member of the cluster to enter the \"left\" state", "[options] name",
                "  Declares a failed member to have left, so that nobody waits for it. One that is\n"
                "  still running comes back by itself.",
                client_flags, {bool_flag("prune", "Remove it from the list of members at once, too.")}, run_force_leave});
  to.push_back({"leave", "Gracefully leaves the Consul cluster and shuts down", "[options]",
                "  Has the agent tell its cluster that it goes, and then stop.", client_flags, {}, run_leave});
  to.push_back({"reload", "Triggers the agent to reload configuration files", "",
                "  Has the agent read its configuration again, as the signal SIGHUP does.", client_flags, {}, run_reload});
}

} // namespace actord::cli
