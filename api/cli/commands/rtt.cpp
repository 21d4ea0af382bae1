#include "actors/coordinate/core/near.hpp"
#include "api/cli/commands/groups.hpp"
#include "api/cli/json_read.hpp"
#include "runtime/base/json_codec.hpp"
#include <fmt/format.h>

namespace actord::cli {
namespace {

struct datacenter_row {
  std::string datacenter, area;
  list_of<coordinate_record> coordinates;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("AreaID", s.area);
    v("Coordinates", s.coordinates);
  }
};

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool known(const std::vector<coordinate_record>& all, std::string_view node) {
  return std::any_of(all.begin(), all.end(), [&](auto& r) { return lower(r.node) == lower(node); });
}

// The agent's own name, and with `datacenter` the one of its datacenter behind a period.
result<std::string> own_name(http_client& client, bool with_datacenter) {
  auto answer = client.call({.path = "/v1/agent/self"});
  if (!answer) return answer.err();
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return doc.err();
  auto config = doc->root().FindMember("Config");
  if (config == doc->root().MemberEnd()) return error{errc::corrupt, "the answer has no Config"};
  auto name = text(config->value, "NodeName");
  return with_datacenter ? name + "." + text(config->value, "Datacenter") : name;
}

template <class Row> result<list_of<Row>> fetch(http_client& client, std::string path) {
  auto answer = client.call({.path = std::move(path)});
  if (!answer) return answer.err();
  list_of<Row> rows;
  json_options lax;
  lax.allow_unknown = true;
  if (auto s = from_json(answer->body, rows, lax); !s) return s.err();
  return rows;
}

bool split_name(const std::string& full, std::string& node, std::string& datacenter) {
  const auto dot = full.find('.');
  if (dot == full.npos || full.find('.', dot + 1) != full.npos) return false;
  node = full.substr(0, dot);
  datacenter = full.substr(dot + 1);
  return true;
}

// Only coordinates of the same area can be compared; its rows are given the names that were asked for.
std::vector<coordinate_record> of_shared_area(const list_of<datacenter_row>& maps, const std::vector<std::string>& nodes) {
  std::map<std::string, std::vector<coordinate_record>> areas;
  for (auto& map : maps)
    for (auto& row : map.coordinates)
      for (auto& wanted : nodes) {
        std::string node, datacenter;
        if (!split_name(wanted, node, datacenter) || datacenter != map.datacenter || lower(row.node) != lower(node)) continue;
        areas[map.area].push_back(row);
        areas[map.area].back().node = wanted;
      }
  for (auto& [area, rows] : areas)
    if (known(rows, nodes[0]) && known(rows, nodes[1])) return rows;
  return {};
}

int run_rtt(invocation& in) {
  auto nodes = in.args();
  const bool wan = in.flags.boolean("wan");
  if (nodes.empty() || nodes.size() > 2) return in.fail_with_help("One or two node names must be specified");
  auto client = in.connect();
  if (!client) return 1;
  if (nodes.size() < 2) {
    auto own = own_name(*client, wan);
    if (!own) return in.fail("Unable to look up agent info: " + own.err().text);
    nodes.push_back(*own);
  }
  std::vector<coordinate_record> rows;
  if (wan) {
    std::string node, datacenter;
    for (auto& n : nodes)
      if (!split_name(n, node, datacenter)) return in.fail("Node names must be specified as <node name>.<datacenter> with -wan");
    auto maps = fetch<datacenter_row>(*client, "/v1/coordinate/datacenters");
    if (!maps) return in.fail("Error getting coordinates: " + maps.err().text);
    rows = of_shared_area(*maps, nodes);
  } else {
    auto all = fetch<coordinate_record>(*client, "/v1/coordinate/nodes");
    if (!all) return in.fail("Error getting coordinates: " + all.err().text);
    rows = std::move(*all);
  }
  auto rtt = coordinate::rtt_between(nodes[0], nodes[1], rows);
  if (!rtt) return in.fail("Could not find a coordinate for node \"" + nodes[known(rows, nodes[0]) ? 1 : 0] + "\"");
  in.line(fmt::format("Estimated {} <-> {} rtt: {:.3f} ms (using {} coordinates)", nodes[0], nodes[1],
                      std::chrono::duration<double, std::milli>(*rtt).count(), wan ? "WAN" : "LAN"));
  return 0;
}

} // namespace

void add_rtt_command(command_list& to) {
  to.push_back({"rtt", "Estimates network round trip time between nodes", "[options] node1 [node2]",
                "  Estimates how long a packet takes from one node to another and back, from the\n"
                "  network coordinates of both. Without a second node it is the agent's own.\n\n"
                "  Names are those that \"members\" shows. With -wan they are servers of any\n"
                "  datacenter, as \"name.datacenter\".",
                client_flags,
                {bool_flag("wan", "Use WAN coordinates instead of LAN coordinates.")},
                run_rtt});
}

} // namespace actord::cli
