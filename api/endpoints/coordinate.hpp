// Coordinate.*: where nodes are on the network.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::coordinates {

extern const read_endpoint<rpc::datacenter_request, rows<coordinate_record>> list_nodes;
extern const read_endpoint<rpc::node_request, rows<coordinate_record>> of_node; // one row per segment

} // namespace actord::endpoints::coordinates
