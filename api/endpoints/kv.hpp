// KVS.*, and transactions.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::kv {

extern const read_endpoint<rpc::key_request, rows<kv_entry>> get;
extern const read_endpoint<rpc::key_request, rows<kv_entry>> list;
extern const read_endpoint<rpc::key_list_request, rows<std::string>> list_keys;

extern const write_endpoint<kv_request, bool> apply; // true: done

} // namespace actord::endpoints::kv

namespace actord::endpoints::txn {

extern const read_endpoint<rpc::txn_read_request<txn_op>, rpc::txn_read_reply> read;
extern const write_endpoint<txn_request, rpc::txn_apply_reply> apply;

// What was read or written, as RPC tells it; nothing of one that failed.
rpc::txn_apply_reply shape(const txn_response& t);

} // namespace actord::endpoints::txn
