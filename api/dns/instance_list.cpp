#include "api/dns/instance_list.hpp"
#include "api/endpoints/query.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>

namespace actord::dns {

node_facts facts_of(const node_record& n) {
  node_facts out;
  out.name = n.node;
  if (!append_labels(out.labels, n.node)) out.labels.clear();
  out.address = address_of_text(n.address);
  if (auto v4 = n.tagged_addresses.find("lan_ipv4"); v4 != n.tagged_addresses.end()) out.address.lan_v4 = parse_ip(v4->second);
  if (auto v6 = n.tagged_addresses.find("lan_ipv6"); v6 != n.tagged_addresses.end()) out.address.lan_v6 = parse_ip(v6->second);
  for (auto& [key, value] : n.meta) out.txt.push_back(txt_of_meta(key, value));
  return out;
}

bool endpoint_of(const check_service_node& c, endpoint& out) {
  bool warning = false, odd = false, maintenance = false, critical = false, its_own = false; // its_own: a critical one that counts for the weight
  out.all_passing = true;
  for (auto& check : c.checks) {
    critical = critical || check.status == health_critical;
    if (check.status != health_passing) out.all_passing = false;
    if (!check.service_name.empty() && check.service_name != c.service.service) continue;
    its_own = its_own || check.status == health_critical;
    maintenance = maintenance || check.check_id == "_node_maintenance" || check.check_id.starts_with("_service_maintenance:");
    if (check.status == health_warning) warning = true;
    else if (check.status != health_passing) odd = true;
  }
  const service_weights weights = c.service.weights ? *c.service.weights : service_weights{};
  int64_t weight = maintenance || its_own ? 0 : odd ? 1 : warning ? weights.warning : weights.passing;
  out.weight = static_cast<uint16_t>(std::clamp<int64_t>(weight, 0, 65535));
  out.node = facts_of(c.node);
  out.port = static_cast<uint16_t>(std::clamp<int64_t>(c.service.port, 0, 65535));
  out.address = address_of_text(c.service.address);
  auto& tagged = c.service.tagged_addresses;
  if (auto v4 = tagged.find("lan_ipv4"); v4 != tagged.end()) out.address.lan_v4 = parse_ip(v4->second.address);
  if (auto v6 = tagged.find("lan_ipv6"); v6 != tagged.end()) out.address.lan_v6 = parse_ip(v6->second.address);
  out.tags.assign(c.service.tags.begin(), c.service.tags.end());
  return !critical;
}

endpoint_list shared_list(std::vector<endpoint> all, long_reads* elsewhere) {
  constexpr size_t many = 256;
  if (!elsewhere || all.size() < many) return std::make_shared<const std::vector<endpoint>>(std::move(all));
  return {new std::vector<endpoint>(std::move(all)), [elsewhere](const std::vector<endpoint>* gone) {
            (void)elsewhere->submit(0, [held = std::shared_ptr<const std::vector<endpoint>>(gone)](reader&) {});
          }};
}

// The services' own indexes tell of every change of their instances, nodes and checks; which services have mesh-capable endpoints is known only
// as of a change of any,
// and which of them a query passes over is not noted at all.
uint64_t stamp_of(const list_wanted& w, const std::vector<std::string>& through, const read_view& view) {
  if (!w.what.connect) return view.service_index(w.what.service);
  constexpr size_t few = 8;
  uint64_t stamp = view.table_index("services");
  if (w.by_query || through.size() > few) return std::max({stamp, view.table_index("nodes"), view.table_index("checks")});
  for (auto& name : through) stamp = std::max(stamp, view.service_index(name));
  return stamp;
}

instance_list read_list(const list_wanted& w, const read_view& view, long_reads* elsewhere) {
  const auto began = std::chrono::steady_clock::now();
  instance_list out;
  query_meta meta;
  endpoints::look at{view, meta, endpoints::everything_allowed()};
  endpoints::query::instances_found found;
  if (w.by_query) found = endpoints::query::find_instances(w.what, w.near, at);
  else found.nodes = view.service_instances(w.what.service, meta, w.what.connect, which_checks::deciding);
  if (bounded_read::stopped()) return out;
  std::vector<endpoint> all;
  all.reserve(found.nodes.size());
  for (auto& n : found.nodes) {
    if (w.what.connect && (out.through.empty() || out.through.back() != n.service.service)) out.through.push_back(n.service.service);
    if (endpoint e; endpoint_of(n, e) || w.by_query) all.push_back(std::move(e));
  }
  std::sort(out.through.begin(), out.through.end());
  out.through.erase(std::unique(out.through.begin(), out.through.end()), out.through.end());
  if (!found.ties.empty()) out.ties = std::make_shared<const std::vector<uint32_t>>(std::move(found.ties));
  out.seen = view.applied_index().v;
  out.stamp = stamp_of(w, out.through, view);
  out.places = w.near.empty() ? 0 : view.table_index("coordinates");
  out.took = std::chrono::steady_clock::now() - began;
  if (!view.failed()) out.list = shared_list(std::move(all), elsewhere);
  return out;
}

} // namespace actord::dns
