// /v1/health/: checks of a node, of a service, in a state; instances with their checks.
#include "api/endpoints/health.hpp"
#include "api/http/handlers/catalog_rows.hpp"
#include "api/http/routes.hpp"
#include <algorithm>

namespace actord::http {
namespace {

constexpr answer_style listed{.send_consistency = true, .honours_cached = false, .meta_on_error = true, .plain = false};
constexpr answer_style cached{.send_consistency = true, .honours_cached = true, .meta_on_error = true, .plain = false};

using checks = json_list<health_check, tidy_check>;

struct tidy_instance {
  static constexpr bool changes = true;
  bool passing = false;
  bool operator()(check_service_node& n) const {
    if (passing && std::any_of(n.checks.begin(), n.checks.end(), [](auto& c) { return c.status != health_passing; })) return false;
    tidy(n.service);
    for (auto& c : n.checks) tidy(c);
    return n.checks.set = true;
  }
};

// Go's words for a boolean; none stands for true.
bool read_passing(exchange& x, bool& passing) {
  static constexpr std::string_view yes[] = {"", "1", "t", "T", "TRUE", "true", "True"}, no[] = {"0", "f", "F", "FALSE", "false", "False"};
  if (!x.req.has_param("passing")) return true;
  const auto word = x.req.param("passing");
  passing = std::find(std::begin(yes), std::end(yes), word) != std::end(yes);
  if (passing || std::find(std::begin(no), std::end(no), word) != std::end(no)) return true;
  x.out.text(400, "Invalid value for ?passing");
  return false;
}

void read_instances(exchange& x, bool connect, bool ingress) {
  query_options o;
  tidy_instance dress;
  if (!x.options(o, cached) || !read_passing(x, dress.passing) || !is_named(x, "Missing service name")) return;
  auto q = arguments_of<rpc::service_request>(x, o);
  q.service = x.req.tail;
  q.connect = connect;
  q.ingress = ingress;
  take_tags(x.req, q);
  x.read(bind<endpoints::health::service_nodes>(cached, std::move(q), json_list<check_service_node, tidy_instance>{.dress = dress}), o);
}

} // namespace

void health_node(exchange& x) {
  query_options o;
  if (!x.options(o, listed) || !is_named(x, "Missing node name")) return;
  auto q = arguments_of<rpc::node_request>(x, o);
  q.node = x.req.tail;
  x.read(bind<endpoints::health::node_checks>(listed, std::move(q), checks{}), o);
}

void health_checks(exchange& x) {
  query_options o;
  if (!x.options(o, listed) || !is_named(x, "Missing service name")) return;
  auto q = arguments_of<rpc::service_request>(x, o);
  q.service = x.req.tail;
  x.read(bind<endpoints::health::service_checks>(listed, std::move(q), checks{}), o);
}

void health_state(exchange& x) {
  query_options o;
  if (!x.options(o, listed) || !is_named(x, "Missing check state")) return;
  auto q = arguments_of<rpc::check_state_request>(x, o);
  q.state = x.req.tail;
  x.read(bind<endpoints::health::checks_in_state>(listed, std::move(q), checks{}), o);
}

void health_service(exchange& x) { read_instances(x, false, false); }
void health_connect(exchange& x) { read_instances(x, true, false); }
void health_ingress(exchange& x) { read_instances(x, false, true); }

} // namespace actord::http
