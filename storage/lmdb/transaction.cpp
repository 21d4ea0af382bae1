#include "storage/lmdb/transaction.hpp"
#include "runtime/base/file_wait.hpp"
#include <cerrno>
#include <lmdb.h>

namespace actord::lmdb {

transaction transaction::write(environment& env, bool sync_meta) {
  MDB_txn* txn = nullptr;
  const inside here(env.whose());
  if (int rc = mdb_txn_begin(env.raw(), nullptr, sync_meta ? 0 : MDB_NOMETASYNC, &txn); rc != 0)
    raise(rc, "beginning a write transaction");
  return {&env, txn, false};
}

transaction transaction::child(transaction& parent) {
  MDB_txn* txn = nullptr;
  if (parent.sums_) parent.sums_->settle(); // before the page that holds the value may move
  if (int rc = mdb_txn_begin(parent.env_->raw(), parent.txn_, 0, &txn); rc != 0) raise(rc, "beginning a nested transaction");
  transaction out(parent.env_, txn, false);
  if (parent.sums_) {
    out.count(*parent.sums_);
    out.parent_sums_ = parent.sums_.get();
  }
  return out;
}

transaction transaction::read(environment& env) {
  env.readers().lock_shared();
  MDB_txn* txn = nullptr;
  if (int rc = mdb_txn_begin(env.raw(), nullptr, MDB_RDONLY, &txn); rc != 0) {
    env.readers().unlock_shared();
    raise(rc, "beginning a read transaction");
  }
  return {&env, txn, true};
}

transaction& transaction::operator=(transaction&& o) noexcept {
  if (this == &o) return *this;
  abort();
  env_ = o.env_;
  txn_ = o.txn_;
  reading_ = o.reading_;
  live_ = o.live_;
  sums_ = std::move(o.sums_);
  parent_sums_ = o.parent_sums_;
  o.txn_ = nullptr;
  return *this;
}

void transaction::commit() {
  if (!reading_ && env_->full()) {
    abort();
    raise(ENOSPC, "committing");
  }
  if (sums_) sums_->settle();
  const inside here(whose());
  auto* txn = txn_;
  txn_ = nullptr;
  static const std::string names[] = {"a database", "the database of the state", "the database of the Raft log"}; // in the order of owner
  std::optional<file_wait> waits;
  if (!reading_) waits.emplace(names[static_cast<size_t>(whose())]);
  int rc = mdb_txn_commit(txn);
  waits.reset();
  if (reading_ && live_) env_->readers().unlock_shared();
  if (rc != 0) raise(rc, "committing");
  if (sums_ && parent_sums_) *parent_sums_ = *sums_;
}

void transaction::abort() {
  if (!txn_) return;
  mdb_txn_abort(txn_);
  txn_ = nullptr;
  if (reading_ && live_) env_->readers().unlock_shared();
}

void transaction::pause() {
  mdb_txn_reset(txn_);
  live_ = false;
  env_->readers().unlock_shared();
}

void transaction::resume() {
  env_->readers().lock_shared();
  if (int rc = mdb_txn_renew(txn_); rc != 0) {
    env_->readers().unlock_shared();
    raise(rc, "renewing a read transaction");
  }
  live_ = true;
}

pin::pin(environment& env) {
  std::shared_lock lock(env.readers());
  if (int rc = mdb_txn_begin(env.raw(), nullptr, MDB_RDONLY, &txn_); rc != 0) raise(rc, "pinning a state");
}

pin::~pin() { mdb_txn_abort(txn_); }

uint64_t pin::transaction() const { return mdb_txn_id(txn_); }

uint64_t pin::newest(environment& env) const {
  MDB_envinfo info{};
  mdb_env_info(env.raw(), &info);
  return info.me_last_txnid;
}

} // namespace actord::lmdb
