// Coordinate.*: where a node says it is, and where servers of other datacenters are.
#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/coordinate/datacenter_maps.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>

namespace actord::consul_rpc {
namespace {

void datacenters(call& c) {
  const auto view = c.env.cluster.wan_members ? c.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  list_of<rpc::datacenter_coordinates> out;
  out.set = true;
  for (auto& [datacenter, rows] : coordinate::by_datacenter(*view)) out.push_back({datacenter, "wan", rows});
  c.reply(out);
}

void update(call& c) {
  rpc::coordinate_update_request q;
  if (!c.decode(q) || !c.is_local(q.datacenter)) return;
  auto actor = caf::actor_cast<coordinate_handle>(c.env.self->system().registry().get<caf::strong_actor_ptr>(coordinate_registry_name));
  if (!actor) return c.reply(rpc::nothing{});
  auto later = c.shared_from_this();
  c.env.self->request(actor, caf::infinite, coordinate_heard{{q.node, q.segment, q.coord}}).then(
      [later](const agent_done& d) { d.failure.code == errc::none ? later->reply(rpc::nothing{}) : later->fail(d.failure.text); },
      [later](const caf::error&) { later->fail("agent is stopping"); });
}

constexpr method rows[] = {{"Coordinate.ListDatacenters", datacenters}, {"Coordinate.Update", update}};

} // namespace

std::span<const method> coordinate_methods() { return rows; }

} // namespace actord::consul_rpc
