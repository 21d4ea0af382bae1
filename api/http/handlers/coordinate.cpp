// /v1/coordinate/: where nodes are on the network.
#include "api/endpoints/coordinate.hpp"
#include "api/http/ask.hpp"
#include "api/http/body_work.hpp"
#include "api/http/read.hpp"
#include "api/http/routes.hpp"
#include <caf/actor_system.hpp>
#include <algorithm>
#include <optional>

namespace actord::http {
namespace {

// False when coordinates are off (answered).
bool enabled(exchange& x) {
  if (!x.env.config.disable_coordinates) return true;
  x.out.text(401, "Coordinate support disabled");
  return false;
}

constexpr answer_style told{.send_consistency = false, .honours_cached = false, .meta_on_error = true, .plain = false};

struct of_segment {
  static constexpr bool changes = true;
  std::optional<std::string> segment{}; // any
  bool operator()(const coordinate_record& row) const { return !segment || row.segment == *segment; }
};
using coordinates = json_list<coordinate_record, of_segment>;

of_segment wanted_segment(const request& r) {
  of_segment out;
  if (r.has_param("segment")) out.segment = r.param("segment");
  return out;
}

struct update_body {
  std::string datacenter, node, segment, token;
  boxed<coordinate_vector> coord;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Node", s.node);
    v("Segment", s.segment);
    v("Coord", s.coord);
    v("Token", s.token);
  }
};

} // namespace

void coordinate_datacenters(exchange& x) {
  if (enabled(x)) ask(x, dispatch::list_datacenter_coordinates, rpc::nothing{}, show_list<list_of<rpc::datacenter_coordinates>>);
}

void coordinate_nodes(exchange& x) {
  query_options o;
  if (!enabled(x) || !x.options(o)) return;
  x.read(bind<endpoints::coordinates::list_nodes>(told, arguments_of<rpc::datacenter_request>(x, o), coordinates{.dress = wanted_segment(x.req)}), o);
}

void coordinate_node(exchange& x) {
  if (!enabled(x)) return;
  if (x.req.tail.empty()) return x.out.empty(404);
  const auto segment = wanted_segment(x.req);
  query_options o;
  if (!x.options(o)) return;
  auto q = arguments_of<rpc::node_request>(x, o);
  q.node = x.req.tail;
  x.read(bind<endpoints::coordinates::of_node>(told, std::move(q), coordinates{.none = when_none::unknown, .dress = segment}), o);
}

namespace {
void take_update(exchange& x, decoded_body<update_body>& d) {
  if (!d.outcome) return x.out.text(400, "Request decode failed: " + d.outcome.err().text);
  auto& body = d.record;
  query_options o;
  if (!x.options(o)) return;
  auto q = arguments_of<rpc::coordinate_update_request>(x, o);
  if (!body.datacenter.empty()) q.datacenter = body.datacenter;
  q.node = body.node;
  q.segment = body.segment;
  if (body.coord) q.coord = *body.coord;
  else if (x.env.router && q.datacenter != x.env.config.datacenter) return x.out.text(500, "No path to datacenter");
  else return x.out.empty();
  ask(x, dispatch::update_coordinate, std::move(q), [](const rpc::nothing&, response& out) { out.empty(); });
}
} // namespace

void coordinate_update(exchange& x) {
  if (!enabled(x)) return;
  with_record<update_body>(x, take_update);
}

} // namespace actord::http
