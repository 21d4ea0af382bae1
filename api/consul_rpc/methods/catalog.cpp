// Catalog.*: nodes and services registered, and which datacenters there are.
#include "actors/coordinate/datacenter_maps.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/command/registration_rules.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void say_nothing(call& c, const apply_result&) { c.reply(rpc::nothing{}); }

void register_node(call& c) {
  register_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (auto fault = prepare_registration(r, c.env.config.datacenter); !fault.empty()) return c.fail(std::move(fault));
  c.propose(encode_command(command_kind::catalog_register, r), say_nothing);
}

void deregister(call& c) {
  deregister_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (auto fault = prepare_deregistration(r, c.env.config.datacenter); !fault.empty()) return c.fail(std::move(fault));
  c.propose(encode_command(command_kind::catalog_deregister, r), say_nothing);
}

void list_datacenters(call& c) {
  rpc::options_request r;
  if (!c.decode(r)) return;
  string_slice out;
  const auto wan = c.env.cluster.wan_members ? c.env.cluster.wan_members->look() : std::make_shared<const pool_view>();
  for (auto& datacenter : coordinate::nearest_datacenters(*wan, c.env.config.datacenter)) out.push_back(datacenter);
  c.reply(out);
}

constexpr method rows[] = {{"Catalog.Deregister", deregister}, {"Catalog.ListDatacenters", list_datacenters}, {"Catalog.Register", register_node}};

} // namespace

std::span<const method> catalog_methods() { return rows; }

} // namespace actord::consul_rpc
