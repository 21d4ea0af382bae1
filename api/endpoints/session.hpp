// Session.*: one, those of a node, all; made, ended, renewed.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::session {

const std::string& id_of(const rpc::session_request& q); // under the name that agents of its version give it

extern const read_endpoint<rpc::session_request, rows<session_record>> get;
extern const read_endpoint<rpc::session_request, rows<session_record>> list;
extern const read_endpoint<rpc::node_request, rows<session_record>> of_node;

extern const write_endpoint<session_request, std::string> apply; // made: its id; destroyed: ""
extern const write_endpoint<rpc::session_request, rpc::sessions_reply> renew; // none: it is not there

} // namespace actord::endpoints::session
