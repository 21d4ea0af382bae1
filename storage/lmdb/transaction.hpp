// Transactions, as objects that give themselves back. A write transaction begins and ends on one thread; a read
// transaction may move between threads but is used by one at a time.
#pragma once
#include "storage/lmdb/digest.hpp"
#include "storage/lmdb/environment.hpp"
#include <memory>

struct MDB_txn;

namespace actord::lmdb {

class transaction {
public:
  transaction() = default;
  static transaction write(environment& env, bool sync_meta = true);
  static transaction child(transaction& parent); // its commit is kept only if the parent commits; the parent rests meanwhile
  static transaction read(environment& env);
  ~transaction() { abort(); }
  transaction(transaction&& o) noexcept
      : env_(o.env_), txn_(o.txn_), reading_(o.reading_), live_(o.live_), sums_(std::move(o.sums_)), parent_sums_(o.parent_sums_) {
    o.txn_ = nullptr;
  }
  transaction& operator=(transaction&& o) noexcept;

  MDB_txn* raw() const { return txn_; }
  owner whose() const { return env_ ? env_->whose() : owner::nobody; }
  explicit operator bool() const { return txn_ != nullptr; }
  void commit(); // raises failure; nothing was written then
  void abort();
  // A read transaction keeps its slot between pause and resume and sees the newest state after resume.
  void pause();
  void resume();
  // From here on the sums follow what the functions of table.hpp write, in this transaction and in its children: what a
  // child did counts once it has committed.
  void count(const content_sums& from) { sums_ = std::make_unique<content_sums>(from); }
  content_sums* sums() const { return sums_.get(); } // null: nobody counts

private:
  transaction(environment* env, MDB_txn* txn, bool reading) : env_(env), txn_(txn), reading_(reading), live_(true) {}
  environment* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  bool reading_ = false;
  bool live_ = false;
  std::unique_ptr<content_sums> sums_;
  content_sums* parent_sums_ = nullptr;
};

// Keeps the pages of one state of the file from being used again, for who reads them from the file (page_walk). Unlike a read
// transaction it does not stand in the way of growing: it has nothing of the map. The file grows while writers go on.
class pin {
public:
  explicit pin(environment& env); // raises failure
  ~pin();
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
  uint64_t transaction() const; // its number, as in the head of the file
  uint64_t newest(environment& env) const; // that of the newest state by now

private:
  MDB_txn* txn_ = nullptr;
};

} // namespace actord::lmdb
