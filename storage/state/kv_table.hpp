// The key/value table and its tombstones: storage/state/semantics.md (Consul's state/kvs.go in effect).
// Writers raise lmdb::failure; a refusal comes back as a status.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/state/kv_record.hpp"
#include "storage/state/writing.hpp"

namespace actord::state {

// A set, cas, delete … as it stands in the log. Views into the command.
struct kv_operation {
  std::string_view verb, key, value, session;
  uint64_t flags = 0, lock_index = 0;
  uint64_t expected = 0; // ModifyIndex in the command: of cas, delete-cas and check-index
};

// Reads `{"DirEnt":…,"Op":…}` without building a record; false when the bytes do not parse.
bool decode_kv_command(std::string_view bytes, kv_operation& out);

struct kv_outcome {
  bool done = true;     // the boolean answer of cas, lock …
  status refused;       // an error: the command changed nothing
  bool present = false; // entry holds what is stored now
  kv_view entry;        // valid until the next write
};

kv_outcome kv_apply(writing& w, const kv_operation& op);
// The session that holds the key has ended: the key is free, or goes with it.
void kv_release(writing& w, const std::string& key, bool erase);
void kv_reap_tombstones(writing& w, uint64_t upto);

bool kv_find(const lmdb::transaction& txn, const tables& t, std::string_view key, kv_view& out);
// Consul's index for an answer without entries.
uint64_t kv_table_index(const lmdb::transaction& txn, const tables& t);
uint64_t kv_newest_tombstone(const lmdb::transaction& txn, const tables& t, std::string_view prefix);

} // namespace actord::state
