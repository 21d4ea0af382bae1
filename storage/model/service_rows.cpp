#include "storage/model/service_rows.hpp"

namespace actord {

service_node flattened(const node_record& n, const node_service& s) {
  service_node f;
  f.id = n.id;
  f.node = n.node;
  f.address = n.address;
  f.datacenter = n.datacenter;
  f.tagged_addresses = n.tagged_addresses;
  f.node_meta = n.meta;
  f.service_kind = s.kind;
  f.service_id = s.id;
  f.service_name = s.service;
  f.service_tags = s.tags;
  f.service_address_text = s.address;
  if (s.weights) f.weights = *s.weights;
  f.service_meta = s.meta;
  f.service_port = s.port;
  f.service_tagged_addresses = s.tagged_addresses;
  f.enable_tag_override = s.enable_tag_override;
  f.proxy = s.proxy;
  f.connect = s.connect;
  f.create_index = s.create_index;
  f.modify_index = s.modify_index;
  return f;
}

check_service_node unflattened(service_node s) {
  check_service_node out;
  out.node.id = std::move(s.id);
  out.node.node = std::move(s.node);
  out.node.address = std::move(s.address);
  out.node.datacenter = std::move(s.datacenter);
  out.node.tagged_addresses = std::move(s.tagged_addresses);
  out.node.meta = std::move(s.node_meta);
  auto& to = out.service;
  to.kind = std::move(s.service_kind);
  to.id = std::move(s.service_id);
  to.service = std::move(s.service_name);
  to.tags = std::move(s.service_tags);
  to.address = std::move(s.service_address_text);
  to.weights = s.weights;
  to.meta = std::move(s.service_meta);
  to.port = s.service_port;
  to.tagged_addresses = std::move(s.service_tagged_addresses);
  to.enable_tag_override = s.enable_tag_override;
  to.proxy = std::move(s.proxy);
  to.connect = s.connect;
  to.create_index = s.create_index;
  to.modify_index = s.modify_index;
  return out;
}

} // namespace actord
