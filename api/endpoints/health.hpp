// Health.*: checks, and instances with theirs.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::health {

extern const read_endpoint<rpc::node_request, rows<health_check>> node_checks;
extern const read_endpoint<rpc::service_request, rows<health_check>> service_checks;
extern const read_endpoint<rpc::check_state_request, rows<health_check>> checks_in_state;
extern const read_endpoint<rpc::service_request, rows<check_service_node>> service_nodes;

} // namespace actord::endpoints::health
