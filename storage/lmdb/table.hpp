// An ordered map from byte strings of ANY length to byte strings, in one LMDB database.
//
// LMDB keys end at 511 bytes; Consul's do not. A key of up to `chunk` bytes is stored as it is. A longer one is cut into
// chunks and stored as a path: chunk + one more byte is an entry that holds the number of a sub-level, and below that
// number (8 bytes, in the environment's one overflow database) the rest goes on in the same way. An entry that is a whole
// key has at most `chunk` bytes on its level and a pointer has chunk + 1, so both sort where the whole keys would.
// Levels without entries are removed. All functions raise lmdb::failure.
#pragma once
#include "storage/lmdb/transaction.hpp"
#include <string_view>

namespace actord::lmdb {

inline constexpr size_t chunk = 480;

struct table {
  unsigned id = 0;
  unsigned overflow = 0; // shared by all tables of an environment
};

// Opens or (in a write transaction) creates the table; false when it is absent in a read transaction.
bool open_table(transaction& txn, const char* name, table& out);

// The view is valid until the transaction writes or ends.
bool get(const transaction& txn, const table& t, std::string_view key, std::string_view& value);
void put(transaction& txn, const table& t, std::string_view key, std::string_view value);
// Room for `size` bytes of value, to be filled before the next call on this transaction.
char* reserve(transaction& txn, const table& t, std::string_view key, size_t size);
bool erase(transaction& txn, const table& t, std::string_view key); // false: was not there
size_t count(const transaction& txn, const table& t); // entries of the first level

using visit = bool (*)(void* context, std::string_view key, std::string_view value);
// All entries whose key starts with the prefix, in byte order, until the visitor returns false. The visitor must not
// write. Both views are valid during the call only.
void scan_raw(const transaction& txn, const table& t, std::string_view prefix, visit f, void* context);

template <class F> void scan(const transaction& txn, const table& t, std::string_view prefix, F&& f) {
  scan_raw(txn, t, prefix, [](void* context, std::string_view k, std::string_view v) -> bool {
    return (*static_cast<std::remove_reference_t<F>*>(context))(k, v);
  }, &f);
}

} // namespace actord::lmdb
