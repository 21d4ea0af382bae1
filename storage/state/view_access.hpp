// The inside of readers and views, for the files of this folder.
#pragma once
#include "storage/state/read_view.hpp"
#include "storage/state/store_impl.hpp"

namespace actord {

struct read_view::impl {
  state_store::impl* store = nullptr;
  std::shared_ptr<live_database> db; // outlives the transaction
  uint64_t generation = 0;
  lmdb::transaction txn;
  const state::tables& t() const { return db->t; }
};

struct reader::impl : read_view::impl {};

// A damaged page is all that can make a read fail; the answer is then as if nothing were there, and the log says so.
void report_failed_read(const lmdb::failure& f);

} // namespace actord
