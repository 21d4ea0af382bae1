#include "storage/raft_log/log_store.hpp"
#include "runtime/base/files.hpp"
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/lmdb/page_walk.hpp"
#include "storage/lmdb/table.hpp"
#include "storage/raft_log/log_format.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

namespace actord {

namespace {

constexpr uint64_t piece_entries = 1000;
using log_format::membership_kind;

// What the meta table's record says, and what follows from the entries.
struct position {
  raft_index first; // of the log; last + 1 when it is empty
  raft_index last;
  raft_term last_term;
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

log_record entry_of(const lmdb::cursor& c) {
  auto r = log_format::decode_entry(c.key(), c.value());
  if (!r) lmdb::raise_corrupt("an entry of the log is damaged");
  return *r;
}

raft_index index_of(const lmdb::cursor& c) {
  if (c.key().size() != 8) lmdb::raise_corrupt("a log entry's form");
  return raft_index{lmdb::load_be64(c.key().data())};
}

error damaged(const std::string& path, const std::string& what) { return {errc::corrupt, "the Raft log in " + path + " is damaged: " + what}; }

// Before LMDB sees the file: it would believe what it finds, and fault.
status check_structure(const std::string& path, bool known) {
  const auto file = path + "/data.mdb";
  const auto opened = open_file(file, O_RDONLY);
  if (!opened) return opened.err();
  if (!*opened) return known ? status{damaged(path, "data.mdb is missing")} : status{};
  const int fd = **opened;
  const lmdb::file_pages pages(fd);
  status out;
  if (pages.size() > 0 || known) {
    auto head = lmdb::read_head(pages);
    auto whole = head ? lmdb::page_walk(pages, *head).go() : result<bool>(head.err());
    if (!whole) out = whole.err().code == errc::corrupt ? damaged(path, whole.err().text) : whole.err();
  }
  ::close(fd);
  return out;
}

} // namespace

struct log_store::impl {
  std::string path;
  std::unique_ptr<lmdb::environment> env;
  unsigned entries = 0, meta = 0;
  unsigned members = 0; // copies of the entries of membership_kind, and the newest of those that were cut
  std::atomic<uint64_t> syncs{0}, appended{0};
  mutable std::mutex position_lock; // what was committed; held for moments only
  position now;
  bool vote_owed = false; // the file vote says what was before this start
  mutable std::mutex reader_lock; // the one read transaction that all reading threads share in turn
  mutable lmdb::transaction reading;

  position snapshot() const {
    std::lock_guard lock(position_lock);
    return now;
  }
  void load();
  void check_entries(const lmdb::transaction& txn);
  status agree_with_vote(std::optional<vote_record> kept);
  status keep_vote(const position& p, bool closing) const;
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
    lmdb::cursor m(txn, meta);
    read_members(txn, now);
    std::optional<log_format::position> p;
    if (m.seek("position")) {
      p = log_format::decode_position(m.value());
      if (!p) lmdb::raise_corrupt("the record of its place");
      now.cut_index = p->cut_index, now.cut_term = p->cut_term, now.bytes = p->bytes, now.term = p->term, now.vote = p->vote;
    }
    check_entries(txn);
    if (p && p->last && *p->last != std::pair{now.last, now.last_term}) lmdb::raise_corrupt("entries at its end are missing");
  }
  txn.commit();
}

// From the cut to the end without a gap, with terms that never fall, each as it was written.
void log_store::impl::check_entries(const lmdb::transaction& txn) {
  now.first = now.cut_index.next();
  now.last = now.cut_index;
  now.last_term = now.cut_term;
  lmdb::cursor e(txn, entries);
  const bool replaced = !now.members->empty() && now.members->front().index.v == 0; // by an operator: those of before have no copy any more
  auto config = now.members->begin();
  while (config != now.members->end() && config->index <= now.cut_index) ++config;
  for (bool more = e.first(); more; more = e.next()) {
    const auto r = entry_of(e);
    if (r.index != now.last.next()) lmdb::raise_corrupt("a gap between entries");
    if (r.term < now.last_term) lmdb::raise_corrupt("an entry's term is lower than that of the one before");
    if (r.kind == membership_kind) {
      const bool copied = config != now.members->end() && config->index == r.index;
      if (copied ? config->payload != r.payload : !replaced) lmdb::raise_corrupt("the copy of a configuration");
      if (copied) ++config;
    }
    now.last = r.index;
    now.last_term = r.term;
  }
  if (config != now.members->end()) lmdb::raise_corrupt("a configuration without its entry");
}

// The two copies of term and vote: the file is written first, so it may be one step ahead after a crash.
status log_store::impl::agree_with_vote(std::optional<vote_record> kept) {
  if (kept && (kept->term > now.term || (kept->term == now.term && now.vote.empty()))) {
    now.term = kept->term;
    now.vote = kept->vote;
  } else if (kept && kept->term == now.term && !kept->vote.empty() && kept->vote != now.vote) {
    return damaged(path, "it holds another vote of term " + std::to_string(now.term.v) + " than the file vote");
  }
  auto s = keep_vote(now, false);
  vote_owed = !s && s.err().code == errc::storage_full; // a full disk does not end the start: nothing is written before the copy is
  return vote_owed ? status{} : s;
}

status log_store::impl::keep_vote(const position& p, bool closing) const {
  vote_record r{p.term, p.vote, *p.members, {}};
  if (closing) r.closed_at.emplace(p.last, p.last_term);
  return write_vote(path, r);
}

void log_store::impl::put(lmdb::transaction& txn, unsigned table, const log_record& r) {
  log_format::encode_entry(r, lmdb::append(txn, table, big_endian_key(r.index).view(), log_format::header_bytes + r.payload.size()));
}

// From the end backwards, so that what is left is always a log without gaps.
void log_store::impl::remove_from(lmdb::transaction& txn, raft_index from, position& p) {
  lmdb::cursor c(txn, entries);
  while (p.last >= from && c.last()) {
    p.last = index_of(c).prev();
    p.bytes -= std::min<uint64_t>(p.bytes, log_format::payload_size(c.value()));
    c.remove();
  }
  p.last_term = p.cut_term;
  if (c.last()) p.last_term = entry_of(c).term;
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
  for (bool more = c.first(); more; more = c.next()) {
    const auto r = entry_of(c);
    found->push_back({r.index, r.term, membership_kind, std::string(r.payload)});
  }
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
    p.cut_term = p.last_term = b.restore->second;
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
      p.last_term = r.term;
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
    const auto r = entry_of(c);
    p.cut_index = r.index;
    p.cut_term = r.term;
    p.bytes -= std::min<uint64_t>(p.bytes, r.payload.size());
    c.remove();
  }
}

void log_store::impl::save(lmdb::transaction& txn, const position& p) {
  auto bytes = log_format::encode({p.cut_index, p.cut_term, p.bytes, p.term, p.vote, std::pair{p.last, p.last_term}});
  lmdb::put(txn, {meta, 0}, "position", bytes);
}

log_store::log_store(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
log_store::~log_store() {
  if (!impl_->env->full() && !impl_->vote_owed) (void)impl_->keep_vote(impl_->now, true);
}

result<std::unique_ptr<log_store>> log_store::open(const std::string& path, const std::atomic<bool>* full) {
  auto kept = read_vote(path);
  if (!kept && kept.err().code != errc::corrupt) return kept.err();
  if (auto s = check_structure(path, kept && *kept); !s) return s.err();
  auto env = lmdb::environment::open(path, {.sync = true, .max_tables = 4, .full = full});
  if (!env) return env.err();
  auto i = std::make_unique<impl>();
  i->path = path;
  i->env = std::move(*env);
  try {
    i->load();
    i->env->let_go_of_pages(); // all were read once, few are again
  } catch (const lmdb::failure& f) {
    auto e = lmdb::describe(f);
    return e.code == errc::corrupt ? damaged(path, f.what) : e;
  }
  // A damaged copy is made anew from the log, which was found whole.
  if (auto s = i->agree_with_vote(kept ? std::move(*kept) : std::nullopt); !s) return s.err();
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
      const auto& before = impl_->now; // this thread alone changes it
      if (impl_->vote_owed || next.term != before.term || next.vote != before.vote || next.members != before.members) {
        if (impl_->env->full()) lmdb::raise(ENOSPC, "keeping the vote");
        if (auto s = impl_->keep_vote(next, false); !s) return s;
        impl_->vote_owed = false;
      }
      txn.commit();
    } catch (const lmdb::failure& f) {
      if (!lmdb::is_map_full(f)) return lmdb::describe(f);
      if (auto s = impl_->env->grow(); !s) return s;
      continue;
    }
    ++impl_->syncs;
    uint64_t fresh = 0;
    for (auto& b : batches)
      for (auto& r : b.append) fresh += r.payload.size();
    impl_->appended += fresh;
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
uint64_t log_store::bytes_appended() const { return impl_->appended.load(); }
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
      const auto r = log_format::decode_entry(c.key(), c.value());
      if (!r) return error{errc::corrupt, "entry " + std::to_string(expected.v) + " of the Raft log is damaged"};
      out.push_back({expected, r->term, r->kind, std::string(r->payload)});
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
