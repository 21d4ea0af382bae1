#include "actors/coordinate/datacenter_maps.hpp"
#include "actors/coordinate/core/record.hpp"
#include <algorithm>

namespace actord::coordinate {

// Where a server is that has not left; "" for all others.
static std::string datacenter_of(const members::member& m) {
  auto dc = m.tags.find("dc"), role = m.tags.find("role");
  if (m.status == members::member_status::left || dc == m.tags.end() || role == m.tags.end() || role->second != "consul") return {};
  return dc->second;
}

std::map<std::string, list_of<coordinate_record>> by_datacenter(const pool_view& wan) {
  std::map<std::string, list_of<coordinate_record>> all;
  for (auto& m : wan.members) {
    const auto dc = datacenter_of(m);
    if (dc.empty()) continue;
    auto at = wan.coordinates.find(m.name);
    if (m.name != wan.self && at == wan.coordinates.end()) continue;
    auto& row = all[dc].emplace_back();
    const auto suffix = "." + dc;
    row.node = m.name.ends_with(suffix) ? m.name.substr(0, m.name.size() - suffix.size()) : m.name;
    row.coord = to_record(m.name == wan.self ? wan.where : at->second);
  }
  return all;
}

std::vector<std::string> nearest_datacenters(const pool_view& wan, const std::string& own) {
  std::map<std::string, std::vector<nanos>> away;
  away[own].push_back(nanos(0));
  for (auto& m : wan.members) {
    const auto dc = datacenter_of(m);
    if (dc.empty()) continue;
    auto at = wan.coordinates.find(m.name);
    away[dc].push_back(dc == own ? nanos(0) : at == wan.coordinates.end() ? nanos::max() : distance(wan.where, at->second));
  }
  std::vector<std::pair<nanos, std::string>> order;
  for (auto& [datacenter, all] : away) {
    std::sort(all.begin(), all.end());
    order.emplace_back(all[all.size() / 2], datacenter);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::string> out;
  for (auto& [rtt, datacenter] : order) out.push_back(datacenter);
  return out;
}

} // namespace actord::coordinate
