// The operations of a transaction that only read; shared by the log's transactions and by read-only ones on a view.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/tables.hpp"

namespace actord::state {

bool is_read_verb(std::string_view kv_verb);
bool is_write_verb(std::string_view kv_verb);
status read_kv_op(const lmdb::transaction& txn, const tables& t, const txn_kv_op& op, std::vector<txn_result>& results);
status read_node_op(const lmdb::transaction& txn, const tables& t, const txn_node_op& op, std::vector<txn_result>& results);
status read_service_op(const lmdb::transaction& txn, const tables& t, const txn_service_op& op, std::vector<txn_result>& results);
status read_check_op(const lmdb::transaction& txn, const tables& t, const txn_check_op& op, std::vector<txn_result>& results);

} // namespace actord::state
