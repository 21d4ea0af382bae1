// The operations of a transaction that only read; shared by the log's transactions and by read-only ones on a view.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/tables.hpp"

namespace actord::state {

// What a transaction read, as far as it may be kept: a few words ask for the whole state, as often as there are operations, and of a
// transaction that writes every server finds it.
class txn_results {
public:
  txn_results(std::vector<txn_result>& rows, size_t most_bytes) : rows_(rows), most_(most_bytes) {}
  bool full() const { return bytes_ > most_; }
  void add(kv_entry e);
  void add(node_record n);
  void add(node_service s);
  void add(health_check c);
  size_t rows() const { return rows_.size(); }
  size_t bytes() const { return bytes_; }
  error refusal(std::string_view what) const; // for one that is full

private:
  std::vector<txn_result>& rows_;
  const size_t most_;
  size_t bytes_ = 0;
};

bool is_read_verb(std::string_view kv_verb);
bool is_write_verb(std::string_view kv_verb);
status read_kv_op(const lmdb::transaction& txn, const tables& t, const txn_kv_op& op, txn_results& results);
status read_node_op(const lmdb::transaction& txn, const tables& t, const txn_node_op& op, txn_results& results);
status read_service_op(const lmdb::transaction& txn, const tables& t, const txn_service_op& op, txn_results& results);
status read_check_op(const lmdb::transaction& txn, const tables& t, const txn_check_op& op, txn_results& results);

} // namespace actord::state
