#include "actors/coordinate/datacenter_maps.hpp"
#include "actors/coordinate/core/record.hpp"

namespace actord::coordinate {

std::map<std::string, list_of<coordinate_record>> by_datacenter(const pool_view& wan) {
  std::map<std::string, list_of<coordinate_record>> all;
  for (auto& m : wan.members) {
    auto dc = m.tags.find("dc"), role = m.tags.find("role");
    if (m.status == members::member_status::left || dc == m.tags.end() || role == m.tags.end() || role->second != "consul") continue;
    auto at = wan.coordinates.find(m.name);
    if (m.name != wan.self && at == wan.coordinates.end()) continue;
    auto& row = all[dc->second].emplace_back();
    const auto suffix = "." + dc->second;
    row.node = m.name.ends_with(suffix) ? m.name.substr(0, m.name.size() - suffix.size()) : m.name;
    row.coord = to_record(m.name == wan.self ? wan.where : at->second);
  }
  return all;
}

} // namespace actord::coordinate
