// /v1/coordinate/: where nodes are on the network.
#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/coordinate/datacenter_maps.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "api/endpoints/coordinate.hpp"
#include "api/http/body_work.hpp"
#include "api/http/handlers/refusal.hpp"
#include "api/http/read.hpp"
#include "api/http/routes.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/rpc_replies.hpp"
#include <caf/actor_registry.hpp>
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

void write_maps(response& out, const list_of<rpc::datacenter_coordinates>& all) {
  auto w = out.begin_json();
  w.begin_array();
  for (auto& one : all) json_encode(w, one);
  w.end_array();
}

// A client agent is in no pool of servers: it asks one.
void ask_datacenter_maps(exchange& x) {
  auto later = x.defer();
  x.env.self->request(x.env.cluster.rpc, caf::infinite, rpc_call{"Coordinate.ListDatacenters", "\x80", nanos(0), true})
      .then([later](const rpc_answer& a) {
              later.answer([&](response& out) {
                if (a.failure.code != errc::none) return out.fail(a.failure);
                list_of<rpc::datacenter_coordinates> all;
                if (!from_msgpack(a.body, all)) return out.text(500, "the answer to Coordinate.ListDatacenters does not decode");
                write_maps(out, all);
              });
            },
            [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace

void coordinate_datacenters(exchange& x) {
  if (!enabled(x)) return;
  if (!x.env.config.server && x.env.cluster.rpc) return ask_datacenter_maps(x);
  const auto view = x.env.cluster.wan_members ? x.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  list_of<rpc::datacenter_coordinates> all;
  for (auto& [datacenter, rows] : coordinate::by_datacenter(*view)) all.push_back({datacenter, "wan", rows});
  write_maps(x.out, all);
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
  const auto& body = d.record;
  query_options o;
  if (!x.options(o)) return;
  const auto datacenter = body.datacenter.empty() ? o.datacenter : std::string_view(body.datacenter);
  if (!datacenter.empty() && datacenter != x.env.config.datacenter) return x.out.text(500, as_server(x.env, "No path to datacenter"));
  auto actor = caf::actor_cast<coordinate_handle>(x.env.system.registry().get<caf::strong_actor_ptr>(coordinate_registry_name));
  if (!body.coord || !actor) return x.out.empty();
  auto later = x.defer();
  x.env.self->request(actor, caf::infinite, coordinate_heard{{body.node, body.segment, *body.coord}}).then(
      [later](const agent_done& done) { later.answer([&](response& out) { done.failure.code == errc::none ? out.empty() : out.fail(done.failure); }); },
      [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}
} // namespace

void coordinate_update(exchange& x) {
  if (!enabled(x)) return;
  with_record<update_body>(x, take_update);
}

} // namespace actord::http
