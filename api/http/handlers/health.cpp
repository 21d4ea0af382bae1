// /v1/health/: checks of a node, of a service, in a state; instances with their checks.
#include "api/http/handlers/catalog_rows.hpp"
#include "api/http/routes.hpp"
#include "runtime/base/text_hash.hpp"
#include <algorithm>
#include <unordered_set>

namespace actord::http {
namespace {

void write_checks(query& q, std::vector<health_check> checks, bool by_node_meta) {
  filter wanted;
  if (!compile_filter<health_check>(q, wanted)) return;
  std::unordered_set<std::string, text_hash> nodes;
  const bool by_meta = by_node_meta && !q.options.node_meta.empty();
  if (by_meta)
    for (auto& n : q.view.nodes(q.meta))
      if (has_node_meta(q.options, n.meta)) nodes.insert(n.node);
  if (by_node_meta) sort_near(q, checks, [](auto& c) -> std::string_view { return c.node; }); // not those of one node
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& c : checks) {
    if (by_meta && !nodes.contains(c.node)) continue;
    tidy(c);
    if (wanted.matches(c)) json_encode(w, c);
  }
  w.end_array();
}

void node_checks(query& q) { write_checks(q, q.view.checks_of_node(q.req.tail, q.meta), false); }
void service_checks(query& q) { write_checks(q, q.view.checks_of_service(q.req.tail, q.meta), true); }
void state_checks(query& q) { write_checks(q, q.view.checks_in_state(q.req.tail, q.meta), true); }

// False when ?passing has a value that is no boolean (answered).
bool parse_passing(query& q, bool& passing) {
  passing = false;
  if (!q.req.has_param("passing")) return true;
  std::string_view v = q.req.param("passing");
  static constexpr std::string_view yes[] = {"", "1", "t", "T", "TRUE", "true", "True"}, no[] = {"0", "f", "F", "FALSE", "false", "False"};
  if (std::find(std::begin(yes), std::end(yes), v) != std::end(yes)) return passing = true;
  return std::find(std::begin(no), std::end(no), v) != std::end(no);
}

void instances(query& q, bool connect) {
  filter wanted;
  bool passing = false;
  if (!compile_filter<check_service_node>(q, wanted)) return;
  parse_passing(q, passing);
  auto rows = q.view.service_instances(q.req.tail, q.meta, connect);
  sort_near(q, rows, [](auto& n) -> std::string_view { return n.node.node; });
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& n : rows) {
    if (!has_node_meta(q.options, n.node.meta) || !has_tags(q, n.service.tags)) continue;
    if (passing && std::any_of(n.checks.begin(), n.checks.end(), [](auto& c) { return c.status != health_passing; })) continue;
    tidy(n.service);
    n.checks.set = true;
    for (auto& c : n.checks) tidy(c);
    if (wanted.matches(n)) json_encode(w, n);
  }
  w.end_array();
}
void service_instances(query& q) { instances(q, false); }
void connect_instances(query& q) { instances(q, true); }
void no_instances(query& q) { q.out.json("[]"); }

uint64_t checks_index(const query& q) { return std::max(q.view.table_index("checks"), q.view.table_index("nodes")); }
uint64_t instance_index(const query& q) { return q.view.service_index(q.req.tail); }

constexpr query_kind node_kind{node_checks, nullptr, true, false, true}, checks_kind{service_checks, nullptr, true, false, true},
    state_kind{state_checks, checks_index, true, false, true}, service_kind{service_instances, instance_index, true, true, true},
    connect_kind{connect_instances, nullptr, true, true, true}, ingress_kind{no_instances, nullptr, true, true, true};

void read_named(exchange& x, const query_kind& k, std::string_view missing) {
  query_options o;
  if (x.req.tail.empty()) return x.options(o) ? x.out.text(400, missing) : void();
  x.read(k);
}

// The word behind ?passing is checked before anything is read.
void read_instances(exchange& x, const query_kind& k) {
  static constexpr std::string_view words[] = {"", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"};
  query_options o;
  if (x.req.has_param("passing") && std::find(std::begin(words), std::end(words), x.req.param("passing")) == std::end(words))
    return x.options(o) ? x.out.text(400, "Invalid value for ?passing") : void();
  read_named(x, k, "Missing service name");
}

} // namespace

void health_node(exchange& x) { read_named(x, node_kind, "Missing node name"); }
void health_checks(exchange& x) { read_named(x, checks_kind, "Missing service name"); }
void health_state(exchange& x) { read_named(x, state_kind, "Missing check state"); }
void health_service(exchange& x) { read_instances(x, service_kind); }
void health_connect(exchange& x) { read_instances(x, connect_kind); }
void health_ingress(exchange& x) { read_instances(x, ingress_kind); }

} // namespace actord::http
