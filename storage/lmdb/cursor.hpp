// Walking one LMDB database entry by entry, for tables whose keys are all short (the Raft log). Raises lmdb::failure.
// A cursor in a write transaction must be gone before the transaction ends.
#pragma once
#include "storage/lmdb/transaction.hpp"
#include <string_view>

struct MDB_cursor;

namespace actord::lmdb {

unsigned open_plain(transaction& txn, const char* name); // opens or creates; only in a write transaction
char* append(transaction& txn, unsigned id, std::string_view key, size_t size); // the key sorts after all others
void empty(transaction& txn, unsigned id);

class cursor {
public:
  cursor(const transaction& txn, unsigned id);
  ~cursor();
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;
  // Each is false at the end; key() and value() then keep what they were.
  bool first();
  bool last();
  bool next();
  bool seek(std::string_view key); // exactly this key
  bool seek_from(std::string_view key); // this key or the first one after it
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  void remove(); // the entry it stands on

private:
  bool go(int op, std::string_view key);
  MDB_cursor* raw_ = nullptr;
  owner whose_;
  std::string_view key_, value_;
};

} // namespace actord::lmdb
