// Session.*: one, those of a node, all.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::session {

const std::string& id_of(const rpc::session_request& q); // under the name that agents of its version give it

extern const read_endpoint<rpc::session_request, rows<session_record>> get;
extern const read_endpoint<rpc::session_request, rows<session_record>> list;
extern const read_endpoint<rpc::node_request, rows<session_record>> of_node;

} // namespace actord::endpoints::session
