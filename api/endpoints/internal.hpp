// Internal.*: what the web page of an agent asks for, nodes and instances with all that belongs to them.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::internal {

extern const read_endpoint<rpc::node_request, rows<rpc::node_dump>> node_info;
extern const read_endpoint<rpc::datacenter_request, rows<rpc::node_dump>> node_dump;
extern const read_endpoint<rpc::service_dump_request, rows<check_service_node>> service_dump;
extern const read_endpoint<rpc::service_request, rows<std::string>> gateway_service_dump;

} // namespace actord::endpoints::internal
