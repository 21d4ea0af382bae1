// Lists of what no table holds yet: intentions, federation states.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/model/rpc_mesh.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::mesh {

extern const read_endpoint<rpc::datacenter_request, string_slice> list_intentions;
extern const read_endpoint<rpc::datacenter_request, string_slice> list_federation_states;
extern const read_endpoint<rpc::datacenter_request, string_table> list_mesh_gateways;

} // namespace actord::endpoints::mesh
