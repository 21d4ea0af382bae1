// Catalog.*: nodes and services, registered and found.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::catalog {

extern const read_endpoint<rpc::datacenter_request, rows<node_record>> list_nodes;
extern const read_endpoint<rpc::datacenter_request, map_of<string_slice>> list_services; // by name, their tags
extern const read_endpoint<rpc::datacenter_request, rows<rpc::named_service>> service_list;
extern const read_endpoint<rpc::service_request, rows<service_node>> service_nodes; // of a name, or of an address
extern const read_endpoint<rpc::node_request, boxed<rpc::services_of_node>> node_services;
extern const read_endpoint<rpc::node_request, rpc::service_list_of_node> node_service_list;
extern const read_endpoint<rpc::service_request, rows<std::string>> gateway_services;

extern const write_endpoint<register_request, rpc::nothing> register_node;
extern const write_endpoint<deregister_request, rpc::nothing> deregister;

} // namespace actord::endpoints::catalog
