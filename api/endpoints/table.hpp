// THE table of endpoints that read or change the state. What follows from it: the methods that RPC answers (api/consul_rpc/methods/state.cpp),
// and tests/golden/endpoints.list, to which a line is appended for each (tests/api/dispatch).
#pragma once
#include "api/endpoints/catalog.hpp"
#include "api/endpoints/coordinate.hpp"
#include "api/endpoints/health.hpp"
#include "api/endpoints/internal.hpp"
#include "api/endpoints/kv.hpp"
#include "api/endpoints/mesh.hpp"
#include "api/endpoints/operation.hpp"
#include "api/endpoints/query.hpp"
#include "api/endpoints/session.hpp"

namespace actord::endpoints {

template <const auto&... Endpoints> struct table {
  // f.operator()<endpoint>() for each.
  template <class F> static void each(F&& f) { (f.template operator()<Endpoints>(), ...); }
  static constexpr size_t size = sizeof...(Endpoints);
};

using reads = table<catalog::gateway_services, catalog::list_nodes, catalog::list_services, catalog::node_service_list, catalog::node_services,
                    catalog::service_list, catalog::service_nodes, coordinates::list_nodes, coordinates::of_node, health::checks_in_state,
                    health::node_checks, health::service_checks, health::service_nodes, internal::gateway_service_dump, internal::node_dump,
                    internal::node_info, internal::service_dump, kv::get, kv::list, kv::list_keys, mesh::list_federation_states,
                    mesh::list_intentions, mesh::list_mesh_gateways, operation::autopilot_configuration, query::execute, query::execute_remote,
                    query::explain, query::get, query::list, session::get,
                    session::list, session::of_node, txn::read>;

using changes = table<catalog::deregister, catalog::register_node, kv::apply, operation::set_autopilot_configuration, query::apply, session::apply,
                      session::renew, txn::apply>;

} // namespace actord::endpoints
