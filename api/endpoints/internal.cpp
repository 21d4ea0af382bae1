#include "api/endpoints/internal.hpp"
#include <algorithm>

namespace actord::endpoints::internal {
namespace {

rpc::node_dump dump_of(node_record n, look& at) {
  rpc::node_dump out;
  query_meta meta; // the index is that of the tables: depend_on_all
  if (auto found = at.view.services_of_node(n.node, meta)) {
    out.services = std::move(found->services);
    std::erase_if(out.services, [&](auto& s) { return !at.who.allows(access::read, resource::service, s.service); });
    if (out.services.empty()) out.services.set = false;
  }
  out.checks = at.view.checks_of_node(n.node, meta);
  std::erase_if(out.checks, [&](auto& c) { return !sees_check(at.who, c); });
  if (out.checks.empty()) out.checks.set = false;
  out.id = std::move(n.id);
  out.node = std::move(n.node);
  out.address = std::move(n.address);
  out.tagged_addresses = std::move(n.tagged_addresses);
  out.meta = std::move(n.meta);
  return out;
}

bool sees_dump(const authorizer& who, const rpc::node_dump& n) { return who.allows(access::read, resource::node, n.node); }

// All of the catalog: anything in it wakes who waits.
void depend_on_all(look& at) {
  at.meta.index = std::max({at.view.table_index("nodes"), at.view.table_index("services"), at.view.table_index("checks")});
  if (!at.meta.topics) return;
  for (auto k : {topic_kind::nodes, topic_kind::services, topic_kind::checks}) at.meta.topics->push_back({k, ""});
}

status one_node(const rpc::node_request& q, look& at, rows<rpc::node_dump>& to) {
  query_meta meta;
  depend_on_all(at);
  if (auto n = at.view.node(q.node, meta)) to.take(dump_of(std::move(*n), at));
  return {};
}

status all_nodes(const rpc::datacenter_request&, look& at, rows<rpc::node_dump>& to) {
  query_meta meta;
  depend_on_all(at);
  for (auto& n : at.view.nodes(meta))
    if (!to.take(dump_of(std::move(n), at))) break;
  return {};
}

status all_instances(const rpc::service_dump_request& q, look& at, rows<check_service_node>& to) {
  query_meta meta;
  depend_on_all(at);
  for (auto& [name, tags] : at.view.services(meta))
    for (auto& n : at.view.service_instances(name, meta)) {
      if (q.use_kind && n.service.kind != q.kind) continue;
      if (n.checks.empty()) n.checks.set = false;
      if (!to.take(std::move(n))) return {};
    }
  return {};
}

// There are no gateways here.
status no_gateways(const rpc::service_request&, look& at, rows<std::string>&) {
  depend_on_all(at);
  return {};
}

} // namespace

constinit const read_endpoint<rpc::node_request, rows<rpc::node_dump>> node_info{
    .name = "Internal.NodeInfo", .field = "Dump", .may = anybody_may<rpc::node_request>, .sees = sees_dump, .run = one_node};
constinit const read_endpoint<rpc::datacenter_request, rows<rpc::node_dump>> node_dump{
    .name = "Internal.NodeDump", .field = "Dump", .may = anybody_may<rpc::datacenter_request>, .sees = sees_dump,
    .run = all_nodes, .filters = true};
constinit const read_endpoint<rpc::service_dump_request, rows<check_service_node>> service_dump{
    .name = "Internal.ServiceDump", .field = "Nodes", .may = anybody_may<rpc::service_dump_request>,
    .sees = sees_instance, .run = all_instances, .filters = true};
constinit const read_endpoint<rpc::service_request, rows<std::string>> gateway_service_dump{
    .name = "Internal.GatewayServiceDump", .field = "Dump", .may = anybody_may<rpc::service_request>,
    .sees = sees_key, .run = no_gateways};

} // namespace actord::endpoints::internal
