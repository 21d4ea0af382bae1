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
  error failure; // of the view that is open now; errc::none while every read went well
  const state::tables& t() const { return db->t; }
  void failed(const lmdb::failure& f);
};

struct reader::impl : read_view::impl {};

// Runs a query on a view's transaction. A failure is kept, and the view shows nothing from then on: what was read before
// it and what comes after it must not be put together.
template <class View, class F> auto guarded(View* view, F&& f) -> decltype(f(view->txn, view->t())) {
  if (view->txn && view->failure.code == errc::none) {
    try {
      return f(view->txn, view->t());
    } catch (const lmdb::failure& fail) {
      view->failed(fail);
    }
  }
  return decltype(f(view->txn, view->t()))();
}

} // namespace actord
