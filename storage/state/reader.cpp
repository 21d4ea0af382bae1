#include "runtime/base/log.hpp"
#include "storage/state/read_view_source.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

void report_failed_read(const lmdb::failure& f) {
  log::err("agent.server.state", "reading the state failed: error={}", lmdb::describe(f).text);
}

reader::reader(state_store* store) : impl_(std::make_unique<impl>()) {
  if (!store) return;
  impl_->store = &store->internals();
  impl_->generation = impl_->store->generation.load(std::memory_order_acquire);
}
reader::~reader() = default;

bool reader::has_store() const { return impl_->store != nullptr; }

read_view reader::open() {
  if (!impl_->store) {
    static view_source nothing;
    return read_view(nothing);
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
    report_failed_read(f); // more than 1,024 readers, or no memory: the view shows nothing
    impl_->txn.abort();
  }
  return read_view(impl_.get());
}

read_view::read_view(impl* i) : impl_(i) {}
read_view::read_view(view_source& s) : source_(&s) {
  static impl nothing; // what no source knows of shows nothing
  impl_ = &nothing;
}
read_view::read_view(read_view&& o) noexcept : impl_(o.impl_), source_(o.source_) { o.impl_ = nullptr; }
read_view::~read_view() {
  if (impl_ && impl_->txn) impl_->txn.pause();
}

raft_index read_view::applied_index() const {
  if (source_ || !impl_->txn) return {};
  return raft_index{state::get_number(impl_->txn, impl_->t().meta, "applied")};
}

} // namespace actord
