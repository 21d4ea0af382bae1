// PreparedQuery.*: the queries themselves, what a name stands for, and the instances that it finds.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_queries.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::query {

inline constexpr std::string_view not_found = "Query not found"; // the error of what no query is named

extern const read_endpoint<rpc::datacenter_request, rows<prepared_query>> list;
extern const read_endpoint<rpc::query_get_request, rows<prepared_query>> get;
extern const read_endpoint<rpc::query_execute_request, rpc::query_execute_reply> execute;
extern const read_endpoint<rpc::query_execute_request, rpc::query_explain_reply> explain;
// A query that failed over to this datacenter: it is in the arguments, and who asked sorts the answer.
extern const read_endpoint<rpc::query_execute_remote_request, rpc::query_execute_reply> execute_remote;

extern const write_endpoint<query_request, std::string> apply; // the id

// For who keeps what a query finds and shuffles it himself: the instances in the state's order or, where it is to be sorted for `near`, the
// nearest first; `ties` then says where each run of equal distance ends.
struct instances_found {
  std::vector<check_service_node> nodes;
  std::vector<uint32_t> ties;
};
instances_found find_instances(const query_service& s, std::string_view near, look& at);

} // namespace actord::endpoints::query
