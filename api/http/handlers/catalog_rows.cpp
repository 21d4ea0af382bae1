#include "api/http/handlers/catalog_rows.hpp"
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
  service_node s;
  s.id = n.node.id;
  s.node = n.node.node;
  s.address = n.node.address;
  s.datacenter = n.node.datacenter;
  s.tagged_addresses = n.node.tagged_addresses;
  s.node_meta = n.node.meta;
  s.service_kind = n.service.kind;
  s.service_id = n.service.id;
  s.service_name = n.service.service;
  s.service_tags = n.service.tags;
  s.service_tags.set = true;
  s.service_address_text = n.service.address;
  if (n.service.weights) s.weights = *n.service.weights;
  s.service_meta = n.service.meta;
  s.service_meta.set = true;
  s.service_port = n.service.port;
  s.service_tagged_addresses = n.service.tagged_addresses;
  s.enable_tag_override = n.service.enable_tag_override;
  s.proxy = n.service.proxy;
  s.connect = n.service.connect;
  s.create_index = n.service.create_index;
  s.modify_index = n.service.modify_index;
  return s;
}

} // namespace actord::http
