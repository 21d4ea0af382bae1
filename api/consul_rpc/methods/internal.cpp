// Internal.*: what the UI of an agent asks for.
#include "api/consul_rpc/methods.hpp"
#include "api/consul_rpc/rows.hpp"
#include "storage/model/rpc_replies.hpp"

namespace actord::consul_rpc {
namespace {

rpc::node_dump dump_of(node_record n, look& at) {
  rpc::node_dump out;
  query_meta meta; // the index is that of the tables: the caller's
  if (auto found = at.view.services_of_node(n.node, meta)) {
    out.services = std::move(found->services);
    if (out.services.empty()) out.services.set = false;
  }
  out.checks = at.view.checks_of_node(n.node, meta);
  if (out.checks.empty()) out.checks.set = false;
  out.id = std::move(n.id);
  out.node = std::move(n.node);
  out.address = std::move(n.address);
  out.tagged_addresses = std::move(n.tagged_addresses);
  out.meta = std::move(n.meta);
  return out;
}

// All of the catalog: anything in it wakes who waits.
void depend_on_all(look& at) {
  at.meta.index = std::max({at.view.table_index("nodes"), at.view.table_index("services"), at.view.table_index("checks")});
  if (!at.meta.topics) return;
  for (auto k : {topic_kind::nodes, topic_kind::services, topic_kind::checks}) at.meta.topics->push_back({k, ""});
}

status node_info(const rpc::node_request& q, look& at, rpc::node_dump_reply& r) {
  query_meta meta;
  if (auto n = at.view.node(q.node, meta)) r.nodes.push_back(dump_of(std::move(*n), at));
  depend_on_all(at);
  return {};
}

status node_dump(const rpc::datacenter_request& q, look& at, rpc::node_dump_reply& r) {
  query_meta meta;
  for (auto& n : at.view.nodes(meta)) r.nodes.push_back(dump_of(std::move(n), at));
  depend_on_all(at);
  return keep_matching(q.options.filter, r.nodes);
}

status service_dump(const rpc::service_dump_request& q, look& at, rpc::instances_reply& r) {
  query_meta meta;
  for (auto& [name, tags] : at.view.services(meta))
    for (auto& n : instances_of(name, at, false))
      if (!q.use_kind || n.service.kind == q.kind) r.nodes.push_back(std::move(n));
  depend_on_all(at);
  return keep_matching(q.options.filter, r.nodes);
}

// There are no gateways here.
status gateway_dump(const rpc::service_request&, look& at, rpc::gateway_dump_reply&) {
  depend_on_all(at);
  return {};
}

} // namespace

std::span<const method> internal_methods() {
  static constexpr method rows[] = {
      {"Internal.GatewayServiceDump", reads<gateway_dump>},
      {"Internal.NodeDump", reads<node_dump>},
      {"Internal.NodeInfo", reads<node_info>},
      {"Internal.ServiceDump", reads<service_dump>},
  };
  return rows;
}

} // namespace actord::consul_rpc
