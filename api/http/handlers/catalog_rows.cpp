#include "api/http/handlers/catalog_rows.hpp"
#include "storage/model/service_rows.hpp"
#include <algorithm>

namespace actord::http {

bool has_node_meta(const query_options& o, const string_table& meta) {
  return std::all_of(o.node_meta.begin(), o.node_meta.end(), [&](auto& wanted) {
    auto it = meta.find(wanted.first);
    return it != meta.end() && it->second == wanted.second;
  });
}

bool has_tags(const query& q, const string_slice& tags) {
  for (auto& [name, wanted] : q.req.params) {
    if (name != "tag") continue;
    std::string_view tag = wanted;
    if (std::none_of(tags.begin(), tags.end(), [&](const std::string& t) { return equal_fold(t, tag); })) return false;
  }
  return true;
}

coordinate::proximity proximity_of(const query& q) {
  query_meta ignored; // a place that changes wakes nobody up
  std::string_view from = q.options.near;
  if (from == "_agent") from = q.env.config.node_name;
  return {from, q.view.coordinates({}, ignored)};
}

void tidy(node_service& s) {
  s.tags.set = true;
  if (!s.weights) s.weights.emplace();
}

void tidy(health_check& c) { c.service_tags.set = true; }

service_node flat(const check_service_node& n) {
  auto s = flattened(n.node, n.service);
  s.service_tags.set = true;
  s.service_meta.set = true;
  return s;
}

} // namespace actord::http
