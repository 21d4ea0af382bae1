#include "api/endpoints/catalog.hpp"
#include "api/endpoints/selection.hpp"
#include "api/http/core/filter.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/model/service_rows.hpp"
#include <algorithm>

namespace actord::endpoints::catalog {
namespace {

using every = rpc::datacenter_request;

status find_nodes(const every& q, look& at, rows<node_record>& to) {
  auto all = at.view.nodes(at.meta);
  std::erase_if(all, [&](auto& n) { return !has_node_meta(q.node_meta, n.meta); });
  sort_near(q.source, at.view, all, [](auto& n) -> std::string_view { return n.node; });
  to.take_all(all);
  return {};
}

std::map<std::string, std::vector<std::string>> services_of(const every& q, look& at) {
  std::function<bool(const node_record&)> only;
  if (!q.node_meta.empty()) only = [&q](const node_record& n) { return has_node_meta(q.node_meta, n.meta); };
  return at.view.services(at.meta, only);
}

status find_services(const every& q, look& at, map_of<string_slice>& to) {
  to.set = true;
  for (auto& [name, tags] : services_of(q, at)) {
    auto& all = to.emplace_hint(to.end(), name, string_slice())->second;
    static_cast<std::vector<std::string>&>(all) = std::move(tags);
    all.set = true;
  }
  return {};
}

void see_services(const authorizer& who, map_of<string_slice>& to) {
  std::erase_if(to, [&](auto& s) { return !who.allows(access::read, resource::service, s.first); });
}

status find_names(const every& q, look& at, rows<rpc::named_service>& to) {
  for (auto& [name, tags] : services_of(q, at))
    if (!to.take({name})) break;
  return {};
}

bool sees_name(const authorizer& who, const rpc::named_service& s) { return who.allows(access::read, resource::service, s.name); }

service_node flat(const check_service_node& n) {
  auto s = flattened(n.node, n.service);
  s.service_meta.set = true; // Consul copies it into a fresh map
  return s;
}

status find_by_address(const rpc::service_request& q, look& at, rows<service_node>& to) {
  auto found = at.view.service_by_address(q.address);
  at.meta.index = std::max(at.view.table_index("services"), at.view.table_index("nodes"));
  if (at.meta.topics) at.meta.topics->push_back({topic_kind::services, ""});
  if (found) to.take(std::move(*found));
  return {};
}

status find_instances(const rpc::service_request& q, look& at, rows<service_node>& to) {
  if (q.service.empty() && q.address.empty()) return error(errc::internal, "Must provide service name");
  if (!q.address.empty()) return find_by_address(q, at, to);
  auto all = at.view.service_instances(q.service, at.meta, q.connect, which_checks::none);
  const tag_choice tags(q);
  std::erase_if(all, [&](auto& n) { return !has_node_meta(q.node_meta, n.node.meta) || !tags.takes(n.service.tags); });
  sort_near(q.source, at.view, all, [](auto& n) -> std::string_view { return n.node.node; });
  for (auto& n : all)
    if (!to.take(flat(n))) break;
  return {};
}

// What a node has, with the services that the filter selects. Of a node that is not there Consul tells no index.
result<std::optional<actord::node_services>> services_on(const rpc::node_request& q, look& at) {
  if (q.node.empty()) return error(errc::internal, "Must provide node");
  auto found = at.view.services_of_node(q.node, at.meta);
  if (!found) at.meta.index = 0;
  if (!found || q.options.filter.empty()) return found;
  auto wanted = filter::compile<node_service>(q.options.filter);
  if (!wanted) return wanted.err();
  std::erase_if(found->services, [&](auto& s) { return !wanted->matches(s); });
  return found;
}

status find_map(const rpc::node_request& q, look& at, boxed<rpc::services_of_node>& to) {
  auto found = services_on(q, at);
  if (!found) return found.err();
  if (!*found) return {};
  auto& out = to.emplace();
  out.node = std::move((*found)->node);
  out.services.set = true;
  for (auto& s : (*found)->services) {
    auto id = s.id;
    out.services[std::move(id)] = std::move(s);
  }
  return {};
}

status find_list(const rpc::node_request& q, look& at, rpc::service_list_of_node& to) {
  auto found = services_on(q, at);
  if (!found) return found.err();
  if (!*found) return {};
  to.node = std::move((*found)->node);
  to.services = list_of<node_service>(std::move((*found)->services));
  to.services.set = !to.services.empty() || !q.options.filter.empty(); // an empty list is nil, but [] once it was filtered
  return {};
}

bool sees_service(const authorizer& who, const node_service& s) { return who.allows(access::read, resource::service, s.service); }
void see_map(const authorizer& who, boxed<rpc::services_of_node>& to) {
  if (!to) return;
  if (!sees_node(who, *to->node)) return to.reset();
  std::erase_if(to->services, [&](auto& s) { return !sees_service(who, s.second); });
}
void see_list(const authorizer& who, rpc::service_list_of_node& to) {
  if (!to.node) return;
  if (!sees_node(who, *to.node)) return void(to = {});
  std::erase_if(to.services, [&](auto& s) { return !sees_service(who, s); });
}

bool may_register(const authorizer& who, const register_request& r) {
  return who.allows(access::write, resource::node, r.node) && (!r.service || who.allows(access::write, resource::service, r.service->service));
}
// Whose service it is tells the state only.
bool may_deregister(const authorizer& who, const deregister_request& r) { return who.allows(access::write, resource::node, r.node); }

status refused_for(std::string fault) { return fault.empty() ? status() : error(errc::internal, std::move(fault)); }
status check_registration(register_request& r, draft& d, rpc::nothing&) { return refused_for(prepare_registration(r, d.datacenter)); }
status check_deregistration(deregister_request& r, draft& d, rpc::nothing&) { return refused_for(prepare_deregistration(r, d.datacenter)); }
status tell_nothing(const apply_result&, rpc::nothing&) { return {}; }

// There are no gateways here, and never were.
status no_gateways(const rpc::service_request&, look&, rows<std::string>&) { return {}; }

uint64_t nodes_index(const every&, const read_view& view) { return view.table_index("nodes"); }
uint64_t services_index(const every&, const read_view& view) { return std::max(view.table_index("services"), view.table_index("nodes")); }
uint64_t instances_index(const rpc::service_request& q, const read_view& view) { return q.connect || !q.address.empty() ? 0 : view.service_index(q.service); }

} // namespace

constinit const read_endpoint<every, rows<node_record>> list_nodes{
    .name = "Catalog.ListNodes", .field = "Nodes", .may = anybody_may<every>, .sees = sees_node,
    .run = find_nodes, .index = nodes_index, .filters = true};
constinit const read_endpoint<every, map_of<string_slice>> list_services{
    .name = "Catalog.ListServices", .field = "Services", .may = anybody_may<every>, .sees = see_services,
    .run = find_services, .index = services_index};
constinit const read_endpoint<every, rows<rpc::named_service>> service_list{
    .name = "Catalog.ServiceList", .field = "Services", .may = anybody_may<every>, .sees = sees_name, .run = find_names};
constinit const read_endpoint<rpc::service_request, rows<service_node>> service_nodes{
    .name = "Catalog.ServiceNodes", .field = "ServiceNodes", .may = anybody_may<rpc::service_request>,
    .sees = sees_service_node, .run = find_instances, .index = instances_index, .filters = true};
constinit const read_endpoint<rpc::node_request, boxed<rpc::services_of_node>> node_services{
    .name = "Catalog.NodeServices", .field = "NodeServices", .may = anybody_may<rpc::node_request>,
    .sees = see_map, .run = find_map};
constinit const read_endpoint<rpc::node_request, rpc::service_list_of_node> node_service_list{
    .name = "Catalog.NodeServiceList", .field = "NodeServices", .may = anybody_may<rpc::node_request>,
    .sees = see_list, .run = find_list};
constinit const read_endpoint<rpc::service_request, rows<std::string>> gateway_services{
    .name = "Catalog.GatewayServices", .field = "Services", .may = anybody_may<rpc::service_request>,
    .sees = sees_key, .run = no_gateways};

constinit const write_endpoint<register_request, rpc::nothing> register_node{
    .name = "Catalog.Register", .command = command_kind::catalog_register, .may = may_register, .prepare = check_registration, .tell = tell_nothing};
constinit const write_endpoint<deregister_request, rpc::nothing> deregister{
    .name = "Catalog.Deregister", .command = command_kind::catalog_deregister, .may = may_deregister, .prepare = check_deregistration, .tell = tell_nothing};

} // namespace actord::endpoints::catalog
