// Health.*: checks, and instances with theirs.
#include "api/consul_rpc/methods.hpp"
#include "api/consul_rpc/rows.hpp"
#include "runtime/base/text_hash.hpp"
#include "storage/model/rpc_replies.hpp"
#include <unordered_set>

namespace actord::consul_rpc {
namespace {

std::string_view node_of(const health_check& c) { return c.node; }

status keep_checks(const string_table& node_meta, const std::string& expression, look& at, rpc::checks_reply& r) {
  if (!node_meta.empty()) {
    std::unordered_set<std::string, text_hash> nodes;
    for (auto& n : at.view.nodes(at.meta))
      if (has_node_meta(node_meta, n.meta)) nodes.insert(n.node);
    std::erase_if(r.checks, [&](auto& c) { return !nodes.contains(c.node); });
  }
  return keep_matching(expression, r.checks);
}

status node_checks(const rpc::node_request& q, look& at, rpc::checks_reply& r) {
  r.checks = at.view.checks_of_node(q.node, at.meta);
  return keep_checks({}, q.options.filter, at, r);
}

status service_checks(const rpc::service_request& q, look& at, rpc::checks_reply& r) {
  if (q.tag_filter) return error(errc::internal, "Tag filtering is not supported");
  r.checks = at.view.checks_of_service(q.service, at.meta);
  sort_near(q.source, at.view, r.checks, node_of);
  return keep_checks(q.node_meta, q.options.filter, at, r);
}

status checks_in_state(const rpc::check_state_request& q, look& at, rpc::checks_reply& r) {
  r.checks = at.view.checks_in_state(q.state, at.meta);
  sort_near(q.source, at.view, r.checks, node_of);
  return keep_checks(q.node_meta, q.options.filter, at, r);
}

status service_nodes(const rpc::service_request& q, look& at, rpc::instances_reply& r) {
  if (q.service.empty()) return error(errc::internal, "Must provide service name");
  if (q.ingress) { // there are no gateways here
    at.meta.index = at.view.table_index("services");
    return {};
  }
  r.nodes = instances_of(q.service, at, q.connect);
  sort_near(q.source, at.view, r.nodes, [](auto& n) -> std::string_view { return n.node.node; });
  std::erase_if(r.nodes, [&](auto& n) { return !has_node_meta(q.node_meta, n.node.meta) || !has_tags(q, n.service.tags); });
  return keep_matching(q.options.filter, r.nodes);
}

} // namespace

std::span<const method> health_methods() {
  static constexpr method rows[] = {
      {"Health.ChecksInState", reads<checks_in_state>},
      {"Health.NodeChecks", reads<node_checks>},
      {"Health.ServiceChecks", reads<service_checks>},
      {"Health.ServiceNodes", reads<service_nodes>},
  };
  return rows;
}

} // namespace actord::consul_rpc
