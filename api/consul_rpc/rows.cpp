#include "api/consul_rpc/rows.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/model/service_rows.hpp"

namespace actord::consul_rpc {

bool has_node_meta(const string_table& wanted, const string_table& meta) {
  return std::all_of(wanted.begin(), wanted.end(), [&](auto& w) {
    auto it = meta.find(w.first);
    return it != meta.end() && it->second == w.second;
  });
}

bool has_tags(const rpc::service_request& q, const string_slice& tags) {
  if (!q.tag_filter) return true;
  auto there = [&](const std::string& wanted) { return std::any_of(tags.begin(), tags.end(), [&](auto& t) { return equal_fold(t, wanted); }); };
  if (q.tags.empty()) return there(q.tag);
  return std::all_of(q.tags.begin(), q.tags.end(), there);
}

list_of<check_service_node> instances_of(const std::string& service, look& at, bool connect) {
  list_of<check_service_node> out(at.view.service_instances(service, at.meta, connect));
  for (auto& n : out)
    if (n.checks.empty()) n.checks.set = false;
  return out;
}

service_node flat(const check_service_node& n) {
  auto s = flattened(n.node, n.service);
  s.service_meta.set = true; // Consul copies it into a fresh map
  return s;
}

} // namespace actord::consul_rpc
