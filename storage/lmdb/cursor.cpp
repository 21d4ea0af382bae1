#include "storage/lmdb/cursor.hpp"
#include <lmdb.h>

namespace actord::lmdb {

unsigned open_plain(transaction& txn, const char* name) {
  unsigned id = 0;
  if (int rc = mdb_dbi_open(txn.raw(), name, MDB_CREATE, &id); rc != 0) raise(rc, "opening a table");
  return id;
}

char* append(transaction& txn, unsigned id, std::string_view key, size_t size) {
  MDB_val k{key.size(), const_cast<char*>(key.data())}, v{size, nullptr};
  if (int rc = mdb_put(txn.raw(), id, &k, &v, MDB_RESERVE | MDB_APPEND); rc != 0) raise(rc, "appending");
  return static_cast<char*>(v.mv_data);
}

void empty(transaction& txn, unsigned id) {
  if (int rc = mdb_drop(txn.raw(), id, 0); rc != 0) raise(rc, "emptying a table");
}

cursor::cursor(const transaction& txn, unsigned id) : whose_(txn.whose()) {
  if (int rc = mdb_cursor_open(txn.raw(), id, &raw_); rc != 0) raise(rc, "opening a cursor");
}
cursor::~cursor() { mdb_cursor_close(raw_); }

bool cursor::go(int op, std::string_view key) {
  MDB_val k{key.size(), const_cast<char*>(key.data())}, v;
  const inside here(whose_);
  int rc = mdb_cursor_get(raw_, &k, &v, static_cast<MDB_cursor_op>(op));
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) raise(rc, "walking");
  key_ = {static_cast<const char*>(k.mv_data), k.mv_size};
  value_ = {static_cast<const char*>(v.mv_data), v.mv_size};
  return true;
}

bool cursor::first() { return go(MDB_FIRST, {}); }
bool cursor::last() { return go(MDB_LAST, {}); }
bool cursor::next() { return go(MDB_NEXT, {}); }
bool cursor::seek(std::string_view key) { return go(MDB_SET_KEY, key); }
bool cursor::seek_from(std::string_view key) { return key.empty() ? go(MDB_FIRST, {}) : go(MDB_SET_RANGE, key); }

void cursor::remove() {
  const inside here(whose_);
  if (int rc = mdb_cursor_del(raw_, 0); rc != 0) raise(rc, "deleting");
}

} // namespace actord::lmdb
