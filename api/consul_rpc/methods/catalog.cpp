// Catalog.*: nodes and services, read and registered.
#include "actors/coordinate/datacenter_maps.hpp"
#include "api/consul_rpc/methods.hpp"
#include "api/consul_rpc/rows.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/model/rpc_replies.hpp"

namespace actord::consul_rpc {
namespace {

void say_nothing(call& c, const apply_result&) { c.reply(rpc::nothing{}); }

void register_node(call& c) {
  register_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (auto fault = prepare_registration(r, c.env.config.datacenter); !fault.empty()) return c.fail(std::move(fault));
  c.propose(encode_command(command_kind::catalog_register, r), say_nothing);
}

void deregister(call& c) {
  deregister_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (auto fault = prepare_deregistration(r, c.env.config.datacenter); !fault.empty()) return c.fail(std::move(fault));
  c.propose(encode_command(command_kind::catalog_deregister, r), say_nothing);
}

void list_datacenters(call& c) {
  rpc::options_request r;
  if (!c.decode(r)) return;
  string_slice out;
  const auto wan = c.env.cluster.wan_members ? c.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  for (auto& datacenter : coordinate::nearest_datacenters(*wan, c.env.config.datacenter)) out.push_back(datacenter);
  c.reply(out);
}

status list_nodes(const rpc::datacenter_request& q, look& at, rpc::nodes_reply& r) {
  r.nodes = at.view.nodes(at.meta);
  std::erase_if(r.nodes, [&](auto& n) { return !has_node_meta(q.node_meta, n.meta); });
  sort_near(q.source, at.view, r.nodes, [](auto& n) -> std::string_view { return n.node; });
  return keep_matching(q.options.filter, r.nodes);
}

std::map<std::string, std::vector<std::string>> services_of(const rpc::datacenter_request& q, look& at) {
  std::function<bool(const node_record&)> only;
  if (!q.node_meta.empty()) only = [&q](const node_record& n) { return has_node_meta(q.node_meta, n.meta); };
  return at.view.services(at.meta, only);
}

status list_services(const rpc::datacenter_request& q, look& at, rpc::services_reply& r) {
  r.services.set = true;
  for (auto& [name, tags] : services_of(q, at)) r.services[name] = string_slice(std::move(tags));
  return {};
}

status service_list(const rpc::datacenter_request& q, look& at, rpc::service_list_reply& r) {
  for (auto& [name, tags] : services_of(q, at)) r.services.push_back({name});
  return {};
}

status service_nodes(const rpc::service_request& q, look& at, rpc::service_nodes_reply& r) {
  if (q.service.empty() && q.address.empty()) return error(errc::internal, "Must provide service name");
  if (!q.address.empty()) {
    if (auto found = at.view.service_by_address(q.address)) r.nodes.push_back(std::move(*found));
    at.meta.index = std::max(at.view.table_index("services"), at.view.table_index("nodes"));
    if (at.meta.topics) at.meta.topics->push_back({topic_kind::services, ""});
  } else {
    for (auto& n : at.view.service_instances(q.service, at.meta, q.connect, false))
      if (has_node_meta(q.node_meta, n.node.meta) && has_tags(q, n.service.tags)) r.nodes.push_back(flat(n));
    sort_near(q.source, at.view, r.nodes, [](auto& n) -> std::string_view { return n.node; });
  }
  return keep_matching(q.options.filter, r.nodes);
}

status node_services(const rpc::node_request& q, look& at, rpc::node_services_reply& r) {
  if (q.node.empty()) return error(errc::internal, "Must provide node");
  auto found = at.view.services_of_node(q.node, at.meta);
  if (!found) return {};
  list_of<node_service> services(std::move(found->services));
  if (auto s = keep_matching(q.options.filter, services); !s) return s;
  auto& out = r.found.emplace();
  out.node = std::move(found->node);
  out.services.set = true;
  for (auto& s : services) {
    auto id = s.id;
    out.services[std::move(id)] = std::move(s);
  }
  return {};
}

status node_service_list(const rpc::node_request& q, look& at, rpc::node_service_list_reply& r) {
  if (q.node.empty()) return error(errc::internal, "Must provide node");
  auto found = at.view.services_of_node(q.node, at.meta);
  if (!found) return {};
  r.found.node = std::move(found->node);
  r.found.services = list_of<node_service>(std::move(found->services));
  return keep_matching(q.options.filter, r.found.services);
}

// There are no gateways here.
status gateway_services(const rpc::service_request&, look& at, rpc::gateway_services_reply&) {
  at.meta.index = at.view.table_index("services");
  return {};
}

} // namespace

std::span<const method> catalog_methods() {
  static constexpr method rows[] = {
      {"Catalog.Deregister", deregister},
      {"Catalog.GatewayServices", reads<gateway_services>},
      {"Catalog.ListDatacenters", list_datacenters},
      {"Catalog.ListNodes", reads<list_nodes>},
      {"Catalog.ListServices", reads<list_services>},
      {"Catalog.NodeServiceList", reads<node_service_list>},
      {"Catalog.NodeServices", reads<node_services>},
      {"Catalog.Register", register_node},
      {"Catalog.ServiceList", reads<service_list>},
      {"Catalog.ServiceNodes", reads<service_nodes>},
  };
  return rows;
}

} // namespace actord::consul_rpc
