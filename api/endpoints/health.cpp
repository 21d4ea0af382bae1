#include "api/endpoints/health.hpp"
#include "api/endpoints/selection.hpp"
#include "runtime/base/text_hash.hpp"
#include <algorithm>
#include <unordered_set>

namespace actord::endpoints::health {
namespace {

// Those on nodes with this metadata, nearest first.
void keep_checks(const string_table& node_meta, const rpc::query_source& source, look& at, std::vector<health_check>& all, rows<health_check>& to) {
  if (!node_meta.empty()) {
    std::unordered_set<std::string, text_hash> nodes;
    for (auto& n : at.view.nodes(at.meta))
      if (has_node_meta(node_meta, n.meta)) nodes.insert(n.node);
    std::erase_if(all, [&](auto& c) { return !nodes.contains(c.node); });
  }
  sort_near(source, at.view, all, [](auto& c) -> std::string_view { return c.node; });
  to.take_all(all);
}

status of_node(const rpc::node_request& q, look& at, rows<health_check>& to) {
  auto all = at.view.checks_of_node(q.node, at.meta);
  to.take_all(all);
  return {};
}

status of_service(const rpc::service_request& q, look& at, rows<health_check>& to) {
  if (q.tag_filter) return error(errc::internal, "Tag filtering is not supported");
  auto all = at.view.checks_of_service(q.service, at.meta);
  keep_checks(q.node_meta, q.source, at, all, to);
  return {};
}

status in_state(const rpc::check_state_request& q, look& at, rows<health_check>& to) {
  auto all = at.view.checks_in_state(q.state, at.meta);
  keep_checks(q.node_meta, q.source, at, all, to);
  return {};
}

status instances(const rpc::service_request& q, look& at, rows<check_service_node>& to) {
  if (q.service.empty()) return error(errc::internal, "Must provide service name");
  if (q.ingress) return {}; // there are no gateways here, and never were
  auto all = at.view.service_instances(q.service, at.meta, q.connect);
  if (const tag_choice tags(q); !q.node_meta.empty() || !tags.takes_all())
    std::erase_if(all, [&](auto& n) { return !has_node_meta(q.node_meta, n.node.meta) || !tags.takes(n.service.tags); });
  sort_near(q.source, at.view, all, [](auto& n) -> std::string_view { return n.node.node; });
  for (auto& n : all) {
    if (n.checks.empty()) n.checks.set = false;
    if (!to.take(std::move(n))) break;
  }
  return {};
}

uint64_t checks_index(const rpc::check_state_request&, const read_view& view) { return std::max(view.table_index("checks"), view.table_index("nodes")); }
uint64_t instances_index(const rpc::service_request& q, const read_view& view) { return q.connect || q.ingress ? 0 : view.service_index(q.service); }

} // namespace

constinit const read_endpoint<rpc::node_request, rows<health_check>> node_checks{
    .name = "Health.NodeChecks", .field = "HealthChecks", .may = anybody_may<rpc::node_request>,
    .sees = sees_check, .run = of_node, .filters = true};
constinit const read_endpoint<rpc::service_request, rows<health_check>> service_checks{
    .name = "Health.ServiceChecks", .field = "HealthChecks", .may = anybody_may<rpc::service_request>,
    .sees = sees_check, .run = of_service, .filters = true};
constinit const read_endpoint<rpc::check_state_request, rows<health_check>> checks_in_state{
    .name = "Health.ChecksInState", .field = "HealthChecks", .may = anybody_may<rpc::check_state_request>,
    .sees = sees_check, .run = in_state, .index = checks_index, .filters = true};
constinit const read_endpoint<rpc::service_request, rows<check_service_node>> service_nodes{
    .name = "Health.ServiceNodes", .field = "Nodes", .may = anybody_may<rpc::service_request>,
    .sees = sees_instance, .run = instances, .index = instances_index, .filters = true};

} // namespace actord::endpoints::health
