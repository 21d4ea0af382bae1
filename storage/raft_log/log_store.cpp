#include "storage/raft_log/log_store.hpp"
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/lmdb/table.hpp"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <cerrno>
#include <mutex>

namespace actord {

namespace {

constexpr uint64_t piece_entries = 1000;
constexpr uint8_t membership_kind = 2; // of raft::entry_kind
constexpr size_t header_bytes = 9; // term (big-endian), kind

// Value of the point record and of the hard state: numbers first, text last.
struct position {
  raft_index first; // of the log; last + 1 when it is empty
  raft_index last;
  raft_index cut_index;
  raft_term cut_term;
  raft_term term;
  std::string vote;
  uint64_t bytes = 0;
  // What the members table holds; replaced as a whole when that changes, which is rare.
  std::shared_ptr<const std::vector<stored_log_record>> members = std::make_shared<std::vector<stored_log_record>>();
};

struct big_endian_key {
  char bytes[8];
  explicit big_endian_key(raft_index i) { lmdb::store_be64(bytes, i.v); }
  std::string_view view() const { return {bytes, 8}; }
};

raft_index index_of(const lmdb::cursor& c) {
  if (c.key().size() != 8 || c.value().size() < header_bytes) lmdb::raise_corrupt("a log entry's form");
  return raft_index{lmdb::load_be64(c.key().data())};
}
raft_term term_of(const lmdb::cursor& c) { return raft_term{lmdb::load_be64(c.value().data())}; }

std::string encode(const position& p) {
  std::string out(32, '\0');
  lmdb::store_be64(out.data(), p.cut_index.v);
  lmdb::store_be64(out.data() + 8, p.cut_term.v);
  lmdb::store_be64(out.data() + 16, p.bytes);
  lmdb::store_be64(out.data() + 24, p.term.v);
  return out + p.vote;
}

bool decode(std::string_view in, position& p) {
  if (in.size() < 32) return false;
  p.cut_index = raft_index{lmdb::load_be64(in.data())};
  p.cut_term = raft_term{lmdb::load_be64(in.data() + 8)};
  p.bytes = lmdb::load_be64(in.data() + 16);
  p.term = raft_term{lmdb::load_be64(in.data() + 24)};
  p.vote = in.substr(32);
  return true;
}

} // namespace

struct log_store::impl {
  std::unique_ptr<lmdb::environment> env;
  unsigned entries = 0, meta = 0;
  unsigned members = 0; // copies of the entries of membership_kind, and the newest of those that were cut
  std::atomic<uint64_t> syncs{0};
  mutable std::mutex position_lock; // what was committed; held for moments only
  position now;
  mutable std::mutex reader_lock; // the one read transaction that all reading threads share in turn
  mutable lmdb::transaction reading;

  position snapshot() const {
    std::lock_guard lock(position_lock);
    return now;
  }
  void load();
  void put(lmdb::transaction& txn, unsigned table, const log_record& r);
  void read_members(const lmdb::transaction& txn, position& p) const;
  void forget_members(lmdb::transaction& txn, position& p);
  void remove_from(lmdb::transaction& txn, raft_index from, position& p);
  void apply(lmdb::transaction& txn, const log_batch& b, position& p);
  void cut_piece(lmdb::transaction& txn, raft_index upto, position& p);
  void save(lmdb::transaction& txn, const position& p);
  lmdb::transaction& read() const {
    if (reading) reading.resume();
    else reading = lmdb::transaction::read(*env);
    return reading;
  }
};

void log_store::impl::load() {
  auto txn = lmdb::transaction::write(*env);
  entries = lmdb::open_plain(txn, "entries");
  meta = lmdb::open_plain(txn, "meta");
  members = lmdb::open_plain(txn, "members");
  {
    lmdb::cursor m(txn, meta), e(txn, entries);
    read_members(txn, now);
    if (m.seek("position") && !decode(m.value(), now)) lmdb::raise_corrupt("the log's position");
    now.first = now.cut_index.next();
    now.last = e.last() ? index_of(e) : now.cut_index;
  }
  txn.commit();
}

void log_store::impl::put(lmdb::transaction& txn, unsigned table, const log_record& r) {
  auto* p = lmdb::append(txn, table, big_endian_key(r.index).view(), header_bytes + r.payload.size());
  lmdb::store_be64(p, r.term.v);
  p[8] = static_cast<char>(r.kind);
  if (!r.payload.empty()) std::memcpy(p + header_bytes, r.payload.data(), r.payload.size());
}

// From the end backwards, so that what is left is always a log without gaps.
void log_store::impl::remove_from(lmdb::transaction& txn, raft_index from, position& p) {
  lmdb::cursor c(txn, entries);
  while (p.last >= from && c.last()) {
    p.last = index_of(c).prev();
    p.bytes -= std::min<uint64_t>(p.bytes, c.value().size() - header_bytes);
    c.remove();
  }
  if (p.members->empty() || p.members->back().index < from) return;
  {
    lmdb::cursor m(txn, members);
    while (m.last() && index_of(m) >= from) m.remove();
  }
  read_members(txn, p);
}

void log_store::impl::read_members(const lmdb::transaction& txn, position& p) const {
  auto found = std::make_shared<std::vector<stored_log_record>>();
  lmdb::cursor c(txn, members);
  for (bool more = c.first(); more; more = c.next())
    found->push_back({index_of(c), term_of(c), membership_kind, std::string(c.value().substr(header_bytes))});
  p.members = std::move(found);
}

// Of the configurations up to the cut only the newest is kept.
void log_store::impl::forget_members(lmdb::transaction& txn, position& p) {
  if (p.members->size() < 2 || (*p.members)[1].index > p.cut_index) return;
  {
    lmdb::cursor c(txn, members);
    for (size_t n = 1; n < p.members->size() && (*p.members)[n].index <= p.cut_index && c.first(); ++n) c.remove();
  }
  read_members(txn, p);
}

void log_store::impl::apply(lmdb::transaction& txn, const log_batch& b, position& p) {
  if (b.restore) {
    lmdb::empty(txn, entries);
    p.cut_index = p.last = b.restore->first;
    p.cut_term = b.restore->second;
    p.first = p.cut_index.next();
    p.bytes = 0;
    lmdb::empty(txn, members);
    if (b.restore_members) put(txn, members, {b.restore_members->first, {}, membership_kind, b.restore_members->second});
    read_members(txn, p);
  }
  if (b.recover_members) {
    lmdb::empty(txn, members);
    put(txn, members, {raft_index{}, {}, membership_kind, *b.recover_members});
    read_members(txn, p);
  }
  if (!b.append.empty()) {
    auto from = b.append.front().index;
    if (from < p.first || from > p.last.next()) lmdb::raise(EINVAL, "the log would have a gap");
    if (from <= p.last) remove_from(txn, from, p);
    for (auto& r : b.append) {
      if (r.index != p.last.next()) lmdb::raise(EINVAL, "the log would have a gap");
      put(txn, entries, r);
      if (r.kind == membership_kind) {
        put(txn, members, r);
        read_members(txn, p);
      }
      p.last = r.index;
      p.bytes += r.payload.size();
    }
  }
  if (b.hard) {
    p.term = b.hard->first;
    p.vote = b.hard->second;
  }
}

void log_store::impl::cut_piece(lmdb::transaction& txn, raft_index upto, position& p) {
  lmdb::cursor c(txn, entries);
  for (uint64_t n = 0; n < piece_entries && p.cut_index < upto && c.first(); ++n) {
    p.cut_index = index_of(c);
    p.cut_term = term_of(c);
    p.bytes -= std::min<uint64_t>(p.bytes, c.value().size() - header_bytes);
    c.remove();
  }
}

void log_store::impl::save(lmdb::transaction& txn, const position& p) {
  auto bytes = encode(p);
  lmdb::put(txn, {meta, 0}, "position", bytes);
}

log_store::log_store(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
log_store::~log_store() = default;

result<std::unique_ptr<log_store>> log_store::open(const std::string& path, const std::atomic<bool>* full) {
  auto env = lmdb::environment::open(path, {.sync = true, .max_tables = 4, .full = full});
  if (!env) return env.err();
  auto i = std::make_unique<impl>();
  i->env = std::move(*env);
  try {
    i->load();
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  return std::unique_ptr<log_store>(new log_store(std::move(i)));
}

status log_store::write(std::span<const log_batch> batches) {
  // A full map is doubled and the batches are tried again; a full disk is the caller's to report.
  while (true) {
    auto next = impl_->snapshot();
    try {
      auto txn = lmdb::transaction::write(*impl_->env);
      for (auto& b : batches) impl_->apply(txn, b, next);
      impl_->save(txn, next);
      txn.commit();
    } catch (const lmdb::failure& f) {
      if (!lmdb::is_map_full(f)) return lmdb::describe(f);
      if (auto s = impl_->env->grow(); !s) return s;
      continue;
    }
    ++impl_->syncs;
    std::lock_guard lock(impl_->position_lock);
    impl_->now = std::move(next);
    return {};
  }
}

status log_store::cut(raft_index upto) {
  while (true) {
    auto next = impl_->snapshot();
    upto = std::min(upto, next.last);
    if (upto <= next.cut_index) return {};
    try {
      // A machine crash may undo the last piece (its meta page is not flushed by itself); the log is then only longer.
      auto txn = lmdb::transaction::write(*impl_->env, false);
      impl_->cut_piece(txn, upto, next);
      impl_->forget_members(txn, next);
      next.first = next.cut_index.next();
      impl_->save(txn, next);
      txn.commit();
    } catch (const lmdb::failure& f) {
      return lmdb::describe(f);
    }
    std::lock_guard lock(impl_->position_lock);
    impl_->now = std::move(next);
  }
}

raft_index log_store::first_index() const { return impl_->snapshot().first; }
raft_index log_store::last_index() const { return impl_->snapshot().last; }
std::pair<raft_index, raft_term> log_store::compacted() const {
  auto p = impl_->snapshot();
  return {p.cut_index, p.cut_term};
}
std::pair<raft_term, std::string> log_store::hard_state() const {
  auto p = impl_->snapshot();
  return {p.term, p.vote};
}
uint64_t log_store::bytes_since_cut() const { return impl_->snapshot().bytes; }
uint64_t log_store::sync_count() const { return impl_->syncs.load(); }

result<raft_term> log_store::term(raft_index at) const {
  auto p = impl_->snapshot();
  if (at == p.cut_index) return p.cut_term;
  auto found = entries(at, at, 0);
  if (!found) return found.err();
  return found->front().term;
}

std::vector<stored_log_record> log_store::memberships() const { return *impl_->snapshot().members; }

result<std::vector<stored_log_record>> log_store::entries(raft_index lo, raft_index hi, size_t max_bytes) const {
  std::lock_guard lock(impl_->reader_lock);
  std::vector<stored_log_record> out;
  try {
    auto& txn = impl_->read();
    struct pause {
      lmdb::transaction& t;
      ~pause() { t.pause(); }
    } paused{txn};
    lmdb::cursor c(txn, impl_->entries);
    auto expected = lo;
    size_t bytes = 0;
    for (bool more = c.seek(big_endian_key(lo).view()); more && expected <= hi; more = c.next(), expected = expected.next()) {
      if (index_of(c) != expected) return error{errc::corrupt, "the Raft log has a gap"};
      auto v = c.value();
      out.push_back({expected, term_of(c), static_cast<uint8_t>(v[8]), std::string(v.substr(header_bytes))});
      bytes += out.back().payload.size();
      if (bytes > max_bytes) break;
    }
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  if (out.empty()) return error{errc::not_found, "the Raft log does not hold entry " + std::to_string(lo.v)};
  return out;
}

} // namespace actord
