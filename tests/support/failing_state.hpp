// Ways in which the state really cannot be read: no room for another reader, and bytes that make no sense.
#pragma once
#include "storage/state/store_impl.hpp"
#include <doctest/doctest.h>
#include <memory>
#include <vector>

namespace actord::test {

// Takes every place for readers that is left, until it goes out of scope. Who has read before keeps its own.
class no_readers_left {
public:
  explicit no_readers_left(state_store& s) {
    do held_.push_back(std::make_unique<reader>(s));
    while (!held_.back()->open().failed());
  }

private:
  std::vector<std::unique_ptr<reader>> held_;
};

// Writes bytes into a table past everything that looks after them; none: the entry goes. Damage that was found before is
// forgotten, so that a test can mend what it damaged and go on: a server starts anew.
inline void damage(state_store& s, lmdb::table state::tables::*table, std::string_view key, std::string_view bytes) {
  auto& db = *s.internals().db;
  auto txn = lmdb::transaction::write(*db.env);
  if (bytes.empty()) REQUIRE(lmdb::erase(txn, db.t.*table, key));
  else lmdb::put(txn, db.t.*table, key, bytes);
  txn.commit();
  s.internals().damaged = false;
}

} // namespace actord::test
