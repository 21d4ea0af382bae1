// Transactions, as objects that give themselves back. A write transaction begins and ends on one thread; a read
// transaction may move between threads but is used by one at a time.
#pragma once
#include "storage/lmdb/environment.hpp"

struct MDB_txn;

namespace actord::lmdb {

class transaction {
public:
  transaction() = default;
  static transaction write(environment& env, bool sync_meta = true);
  static transaction child(transaction& parent); // its commit is kept only if the parent commits; the parent rests meanwhile
  static transaction read(environment& env);
  ~transaction() { abort(); }
  transaction(transaction&& o) noexcept : env_(o.env_), txn_(o.txn_), reading_(o.reading_), live_(o.live_) { o.txn_ = nullptr; }
  transaction& operator=(transaction&& o) noexcept;

  MDB_txn* raw() const { return txn_; }
  explicit operator bool() const { return txn_ != nullptr; }
  void commit(); // raises failure; nothing was written then
  void abort();
  // A read transaction keeps its slot between pause and resume and sees the newest state after resume.
  void pause();
  void resume();

private:
  transaction(environment* env, MDB_txn* txn, bool reading) : env_(env), txn_(txn), reading_(reading), live_(true) {}
  environment* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  bool reading_ = false;
  bool live_ = false;
};

} // namespace actord::lmdb
