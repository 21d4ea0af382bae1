#include "runtime/base/log.hpp"
#include "storage/state/view_access.hpp"
#include <atomic>
#include <chrono>

namespace actord {

namespace {

// A line a second: who cannot read is asked tens of thousands of times in one.
void log_failed_read(const error& e) {
  static std::atomic<int64_t> next{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  auto due = next.load(std::memory_order_relaxed);
  if (now < due || !next.compare_exchange_strong(due, now + std::chrono::steady_clock::duration(std::chrono::seconds(1)).count())) return;
  log::err("agent.server.state", "{}", e.text);
}

} // namespace

void read_view::impl::failed(const lmdb::failure& f) {
  failure = lmdb::describe(f);
  failure.text.insert(0, "failed to read the state: ");
  log_failed_read(failure);
  if (failure.code == errc::corrupt) store->report_damage(failure);
}

reader::reader(state_store* store) : impl_(std::make_unique<impl>()) {
  if (!store) return;
  impl_->store = &store->internals();
  impl_->generation = impl_->store->generation.load(std::memory_order_acquire);
}
reader::~reader() = default;

bool reader::has_store() const { return impl_->store != nullptr; }

read_view reader::open() {
  if (!impl_->store) return read_view(impl_.get()); // without a transaction it shows nothing
  if (impl_->failure.code != errc::none) impl_->failure = {};
  if (impl_->store->disagrees.load(std::memory_order_relaxed)) { // nothing shows which part of it is false
    impl_->txn.abort();
    impl_->failure = {errc::corrupt, "failed to read the state: it is not what most servers have, and is rebuilt"};
    return read_view(impl_.get());
  }
  try {
    const auto generation = impl_->store->generation.load(std::memory_order_acquire);
    if (impl_->generation != generation) impl_->txn.abort();
    if (impl_->txn) {
      impl_->txn.resume();
    } else {
      impl_->db = impl_->store->current();
      impl_->generation = generation;
      impl_->txn = lmdb::transaction::read(*impl_->db->env);
    }
  } catch (const lmdb::failure& f) {
    impl_->txn.abort();
    impl_->failed(f); // more readers than the environment has room for, or no memory
  }
  return read_view(impl_.get());
}

read_view::read_view(impl* i) : impl_(i) {}
read_view::read_view(read_view&& o) noexcept : impl_(o.impl_) { o.impl_ = nullptr; }
read_view::~read_view() {
  if (impl_ && impl_->txn) impl_->txn.pause();
}

raft_index read_view::applied_index() const {
  return guarded(impl_, [](auto& txn, auto& t) { return raft_index{state::get_number(txn, t.meta, "applied")}; });
}

bool read_view::failed() const { return failure().code != errc::none; }
const error& read_view::failure() const { return impl_->failure; }

} // namespace actord
