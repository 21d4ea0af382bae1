#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "api/cli/table.hpp"
#include <algorithm>

namespace actord::cli {
namespace {

// Positional words are refused; 0 when there are none.
int refuse_words(const invocation& in) {
  if (in.args().empty()) return 0;
  return in.fail("Too many arguments (expected 0, got " + std::to_string(in.args().size()) + ")");
}

void add_node_meta(const invocation& in, query_list& query) {
  for (auto& [k, v] : in.flags.pairs("node-meta")) query.emplace_back("node-meta", k + ":" + v);
}

std::string joined(const std::map<std::string, std::string>& pairs) {
  std::string out;
  for (auto& [k, v] : pairs) out += (out.empty() ? "" : ", ") + k + "=" + v;
  return out;
}

int run_datacenters(invocation& in) {
  if (refuse_words(in)) return 1;
  auto client = in.connect();
  if (!client) return 1;
  auto answer = client->call({.path = "/v1/catalog/datacenters"});
  if (!answer) return in.fail("Error listing datacenters: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return in.fail("Error listing datacenters: " + doc.err().text);
  if (doc->root().IsArray())
    for (auto& n : doc->root().GetArray()) in.line(text(n));
  return 0;
}

int run_nodes(invocation& in) {
  if (refuse_words(in)) return 1;
  auto client = in.connect();
  if (!client) return 1;
  auto service = in.flags.text("service");
  api_request r{.path = service.empty() ? "/v1/catalog/nodes" : "/v1/catalog/service/" + service, .query = in.query()};
  if (auto near = in.flags.text("near"); !near.empty()) r.query.emplace_back("near", near);
  if (auto filter = in.flags.text("filter"); !filter.empty()) r.query.emplace_back("filter", filter);
  add_node_meta(in, r.query);
  std::string failed = service.empty() ? "Error listing nodes: " : "Error listing nodes for service: ";
  auto answer = client->call(r);
  if (!answer) return in.fail(failed + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return in.fail(failed + doc.err().text);
  bool detailed = in.flags.boolean("detailed");
  std::vector<table_row> rows;
  if (doc->root().IsArray()) {
    for (auto& n : doc->root().GetArray()) {
      auto id = text(n, "ID");
      table_row row{text(n, "Node"), detailed ? id : id.substr(0, 8), text(n, "Address"), text(n, "Datacenter")};
      if (detailed) {
        row.push_back(joined(texts(n, "TaggedAddresses")));
        row.push_back(joined(texts(n, service.empty() ? "Meta" : "NodeMeta")));
      }
      rows.push_back(std::move(row));
    }
  }
  if (rows.empty()) return in.error("No nodes match the given query - try expanding your search."), 0;
  table_row head{"Node", "ID", "Address", "DC"};
  if (detailed) head.insert(head.end(), {"TaggedAddresses", "Meta"});
  rows.insert(rows.begin(), head);
  in.line(render_table(rows));
  return 0;
}

std::vector<std::string> tags_of(const json_node& list) {
  std::vector<std::string> out;
  if (list.IsArray())
    for (auto& t : list.GetArray()) out.push_back(text(t));
  return out;
}

// Names with their tags, from the whole catalog or from one node's record.
std::map<std::string, std::vector<std::string>> read_services(const json_node& root, bool of_node) {
  std::map<std::string, std::vector<std::string>> out;
  const auto* services = of_node ? member(root, "Services") : &root;
  if (!services || !services->IsObject()) return out;
  for (auto& m : services->GetObject()) {
    auto name = of_node ? text(m.value, "Service") : text(m.name);
    const auto* list = of_node ? member(m.value, "Tags") : &m.value;
    auto& tags = out[name];
    if (list)
      for (auto& t : tags_of(*list))
        if (std::ranges::find(tags, t) == tags.end()) tags.push_back(t);
  }
  return out;
}

int run_services(invocation& in) {
  if (refuse_words(in)) return 1;
  auto client = in.connect();
  if (!client) return 1;
  auto node = in.flags.text("node");
  api_request r{.path = node.empty() ? "/v1/catalog/services" : "/v1/catalog/node/" + node, .query = in.query()};
  add_node_meta(in, r.query);
  std::string failed = node.empty() ? "Error listing services: " : "Error listing services for node: ";
  auto answer = client->call(r);
  if (!answer) return in.fail(failed + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail(failed + doc.err().text);
  auto services = read_services(doc->root(), !node.empty());
  if (services.empty()) return in.error("No services match the given query - try expanding your search."), 0;
  std::vector<table_row> rows;
  for (auto& [name, tags] : services) {
    table_row row{name};
    if (in.flags.boolean("tags")) {
      auto sorted = tags;
      std::ranges::sort(sorted);
      std::string all;
      for (auto& t : sorted) all += (all.empty() ? "" : ",") + t;
      row.push_back(all);
    }
    rows.push_back(std::move(row));
  }
  auto out = render_table(rows, 6);
  out.erase(out.find_last_not_of(' ') + 1); // Consul trims the whole, not each line
  in.line(out);
  return 0;
}

flag_spec node_meta_flag() {
  return {.name = "node-meta", .kind = flag_kind::key_value, .help = "Only nodes with this metadata. May be repeated.", .value_word = "key=value"};
}

} // namespace

void add_catalog_commands(command_list& to) {
  to.push_back({"catalog", "Interact with the catalog", "<subcommand> [options] [args]",
                "  Shows what the whole cluster has registered; \"members\" shows whom one agent knows.\n\n"
                "      $ consul catalog nodes\n      $ consul catalog services -tags"});
  to.push_back({"catalog datacenters", "Lists all known datacenters", "[options]",
                "  Prints the datacenters, nearest first.", client_and_server, {}, run_datacenters});
  to.push_back({"catalog nodes", "Lists all nodes in the given datacenter", "[options]",
                "  Prints the nodes of a datacenter, all or those that the flags choose.", client_and_server,
                {bool_flag("detailed", "Show whole IDs, all addresses and metadata."), text_flag("filter", "Filter expression that the server applies."),
                 text_flag("near", "Nearest to this node first; _agent is the agent's own node."), node_meta_flag(),
                 text_flag("service", "Only nodes that provide this service.", "id or name")},
                run_nodes});
  to.push_back({"catalog services", "Lists all registered services in a datacenter", "[options]",
                "  Prints the names of the services of a datacenter, all or those that the flags\n  choose.", client_and_server,
                {namespace_flag(), text_flag("node", "Only services of this node.", "id or name"), node_meta_flag(),
                 bool_flag("tags", "Show the services' tags beside them.")},
                run_services});
}

} // namespace actord::cli
