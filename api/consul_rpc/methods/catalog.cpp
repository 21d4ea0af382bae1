// Catalog.ListDatacenters.
#include "actors/coordinate/datacenter_maps.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void list_datacenters(call& c) {
  rpc::options_request r;
  if (!c.decode(r)) return;
  string_slice out;
  const auto wan = c.env.cluster.wan_members ? c.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  for (auto& datacenter : coordinate::nearest_datacenters(*wan, c.env.config.datacenter)) out.push_back(datacenter);
  c.reply(out);
}

constexpr method rows[] = {{"Catalog.ListDatacenters", list_datacenters}};

} // namespace

std::span<const method> catalog_methods() { return rows; }

} // namespace actord::consul_rpc
