// /v1/catalog/: nodes, services and their instances, read.
#include "actors/coordinate/datacenter_maps.hpp"
#include "api/http/handlers/catalog_rows.hpp"
#include "api/http/routes.hpp"

namespace actord::http {
namespace {

void list_nodes(query& q) {
  filter wanted;
  if (!compile_filter<node_record>(q, wanted)) return;
  auto rows = q.view.nodes(q.meta);
  sort_near(q, rows, [](auto& n) -> std::string_view { return n.node; });
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& n : rows)
    if (has_node_meta(q.options, n.meta) && wanted.matches(n)) json_encode(w, n);
  w.end_array();
}

void list_services(query& q) {
  std::function<bool(const node_record&)> only;
  if (!q.options.node_meta.empty()) only = [&q](const node_record& n) { return has_node_meta(q.options, n.meta); };
  auto all = q.view.services(q.meta, only);
  auto w = q.out.begin_json();
  w.begin_object();
  for (auto& [name, tags] : all) {
    w.key(name);
    w.begin_array();
    for (auto& t : tags) w.string(t);
    w.end_array();
  }
  w.end_object();
}

void instances(query& q, bool connect) {
  filter wanted;
  if (!compile_filter<service_node>(q, wanted)) return;
  auto rows = q.view.service_instances(q.req.tail, q.meta, connect, false);
  sort_near(q, rows, [](auto& n) -> std::string_view { return n.node.node; });
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& n : rows) {
    if (!has_node_meta(q.options, n.node.meta) || !has_tags(q, n.service.tags)) continue;
    service_node row = flat(n);
    if (wanted.matches(row)) json_encode(w, row);
  }
  w.end_array();
}
void list_instances(query& q) { instances(q, false); }
void list_connect(query& q) { instances(q, true); }

void one_node(query& q) {
  filter wanted;
  if (!compile_filter<node_service>(q, wanted)) return;
  auto found = q.view.services_of_node(q.req.tail, q.meta);
  auto w = q.out.begin_json();
  if (!found) return q.meta.index = 0, w.null();
  std::map<std::string_view, node_service*> by_id;
  for (auto& s : found->services) by_id.emplace(s.id, &s);
  w.begin_object();
  w.plain_key("Node");
  json_encode(w, found->node);
  w.plain_key("Services");
  w.begin_object();
  for (auto& [id, s] : by_id) {
    tidy(*s);
    if (!wanted.matches(*s)) continue;
    w.key(id);
    json_encode(w, *s);
  }
  w.end_object();
  w.end_object();
}

void one_node_list(query& q) {
  filter wanted;
  if (!compile_filter<node_service>(q, wanted)) return;
  auto found = q.view.services_of_node(q.req.tail, q.meta);
  auto w = q.out.begin_json();
  w.begin_object();
  w.plain_key("Node");
  if (found) json_encode(w, found->node);
  else w.null();
  w.plain_key("Services");
  if (!found) q.meta.index = 0;
  if (!found || found->services.empty()) {
    w.null();
  } else {
    w.begin_array();
    for (auto& s : found->services) {
      tidy(s);
      if (wanted.matches(s)) json_encode(w, s);
    }
    w.end_array();
  }
  w.end_object();
}

void no_gateways(query& q) {
  auto w = q.out.begin_json();
  w.null();
}

uint64_t nodes_index(const query& q) { return q.view.table_index("nodes"); }
uint64_t services_index(const query& q) { return std::max(q.view.table_index("services"), q.view.table_index("nodes")); }
uint64_t instance_index(const query& q) { return q.view.service_index(q.req.tail); }

constexpr query_kind nodes{list_nodes, nodes_index, true, false, true}, services{list_services, services_index, true, true, true},
    service{list_instances, instance_index, true, true, true}, connect_instances{list_connect, nullptr, true, true, true},
    node{one_node, nullptr, true, false, true}, node_list{one_node_list, nullptr, true, false, true},
    gateway{no_gateways, nullptr, true, false, true};

// The parameter is checked after the options, as Consul does.
void read_named(exchange& x, const query_kind& k, std::string_view missing) {
  query_options o;
  if (x.req.tail.empty()) return x.options(o) ? x.out.text(400, missing) : void();
  x.read(k);
}

// A client agent knows its own datacenter only.
void ask_datacenters(exchange& x) {
  auto later = x.defer();
  x.env.self->request(x.env.cluster.rpc, caf::infinite, rpc_call{"Catalog.ListDatacenters", "\x80", nanos(0), true})
      .then([later](rpc_answer& a) {
              later.answer([&](response& out) {
                string_slice names;
                if (a.failure.code != errc::none) return out.fail(a.failure);
                if (!from_msgpack(a.body, names)) return out.text(500, "the answer to Catalog.ListDatacenters does not decode");
                auto w = out.begin_json();
                w.begin_array();
                for (auto& n : names) w.string(n);
                w.end_array();
              });
            },
            [later](caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace

void catalog_datacenters(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (!x.env.views.has_store()) return ask_datacenters(x);
  const auto wan = x.env.cluster.wan_members ? x.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  auto w = x.out.begin_json();
  w.begin_array();
  for (auto& datacenter : coordinate::nearest_datacenters(*wan, x.env.config.datacenter)) w.string(datacenter);
  w.end_array();
}
void catalog_nodes(exchange& x) { x.read(nodes); }
void catalog_services(exchange& x) { x.read(services); }
void catalog_service(exchange& x) { read_named(x, service, "Missing service name"); }
void catalog_connect(exchange& x) { read_named(x, connect_instances, "Missing service name"); }
void catalog_node(exchange& x) { read_named(x, node, "Missing node name"); }
void catalog_node_services(exchange& x) { read_named(x, node_list, "Missing node name"); }
void catalog_gateway_services(exchange& x) { read_named(x, gateway, "Missing gateway name"); }

} // namespace actord::http
