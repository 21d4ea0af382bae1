#include "runtime/base/broken_rule.hpp"
#include "runtime/base/disk_room.hpp"
#include "runtime/base/log.hpp"
#include "storage/lmdb/table.hpp"
#include "storage/raft_log/journal_format.hpp"
#include "storage/raft_log/log_store_impl.hpp"
#include <algorithm>
#include <cerrno>
#include <chrono>

namespace actord {

namespace {

constexpr uint64_t piece_entries = 1000;
using log_format::membership_kind;

// Of one batch: larger ones are not written twice.
constexpr size_t most_journal_bytes = 256 << 10;
// With so much (or three quarters of the file) the journal is settled: a transaction of a few milliseconds, in which appends wait.
constexpr size_t many_bytes = 512 << 10, many_entries = 2048;
// On a disk with less room the database takes every write itself, or refuses it: what the journal took could not be taken over or applied.
constexpr uint64_t least_room = 8 << 20;
constexpr unsigned transactions_between_tries = 64;

} // namespace

void log_store::impl::put(lmdb::transaction& txn, unsigned table, const log_record& r) {
  log_format::encode_entry(r, lmdb::append(txn, table, big_endian_key(r.index).view(), log_format::header_bytes + r.payload.size()));
}

// From the end backwards, so that what is left is always a log without gaps.
void log_store::impl::remove_from(lmdb::transaction& txn, raft_index from, log_position& p) {
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

// Of the configurations up to the cut only the newest is kept.
void log_store::impl::forget_members(lmdb::transaction& txn, log_position& p) {
  if (p.members->size() < 2 || (*p.members)[1].index > p.cut_index) return;
  {
    lmdb::cursor c(txn, members);
    for (size_t n = 1; n < p.members->size() && (*p.members)[n].index <= p.cut_index && c.first(); ++n) c.remove();
  }
  read_members(txn, p);
}

void log_store::impl::begin_at(lmdb::transaction& txn, const log_batch& b, log_position& p) {
  lmdb::empty(txn, entries);
  p.cut_index = p.last = b.restore->first;
  p.cut_term = p.last_term = b.restore->second;
  p.first = p.cut_index.next();
  p.bytes = 0;
  lmdb::empty(txn, members);
  if (b.restore_members) put(txn, members, {b.restore_members->first, {}, membership_kind, b.restore_members->second});
  read_members(txn, p);
}

void log_store::impl::append(lmdb::transaction& txn, const std::vector<log_record>& records, log_position& p) {
  if (records.empty()) return;
  const auto from = records.front().index;
  if (from < p.first || from > p.last.next()) lmdb::raise(EINVAL, "the log would have a gap");
  if (from <= p.last) remove_from(txn, from, p);
  for (auto& r : records) {
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

void log_store::impl::apply(lmdb::transaction& txn, const log_batch& b, log_position& p) {
  if (b.restore) begin_at(txn, b, p);
  if (b.recover_members) {
    lmdb::empty(txn, members);
    put(txn, members, {raft_index{}, {}, membership_kind, *b.recover_members});
    read_members(txn, p);
  }
  append(txn, b.append, p);
  if (b.hard) {
    p.term = b.hard->first;
    p.vote = b.hard->second;
  }
}

void log_store::impl::take_over(lmdb::transaction& txn, log_position& p) {
  for (auto& e : recent) {
    p.last = p.last.next();
    p.last_term = e.term;
    p.bytes += e.payload().size();
    std::copy(e.value.begin(), e.value.end(), lmdb::append(txn, entries, big_endian_key(p.last).view(), e.value.size()));
  }
}

void log_store::impl::cut_piece(lmdb::transaction& txn, raft_index upto, log_position& p) {
  lmdb::cursor c(txn, entries);
  for (uint64_t n = 0; n < piece_entries && p.cut_index < upto && c.first(); ++n) {
    const auto r = entry_of(c);
    p.cut_index = r.index;
    p.cut_term = r.term;
    p.bytes -= std::min<uint64_t>(p.bytes, r.payload.size());
    c.remove();
  }
}

void log_store::impl::save(lmdb::transaction& txn, const log_position& p, const std::optional<log_format::journal_mark>& m) {
  auto bytes = log_format::encode({p.cut_index, p.cut_term, p.bytes, p.term, p.vote, std::pair{p.last, p.last_term}, m});
  lmdb::put(txn, {meta, 0}, "position", bytes);
}

// Not over one whose entries the database's record still counts on.
void log_store::impl::make_journal() {
  if (options.journal_bytes == 0 || mark || env->full() || tries_later > 0) return;
  auto s = room_for(path, options.journal_bytes + least_room);
  if (s) {
    auto made = journal_file::create(path, options.journal_bytes);
    if (made) return void(journal = std::move(*made));
    s = made.err();
  }
  tries_later = transactions_between_tries;
  log::warn("agent.server.raft", "the log goes on without its journal, each write is a transaction of the database: error=\"{}\"", s.err().text);
}

// What it takes: entries that follow those that are there, and no configuration.
std::optional<size_t> log_store::impl::journal_takes(std::span<const log_batch> batches) const {
  if (!trusted || vote_owed) return {};
  size_t bytes = 0;
  auto last = now.last;
  for (auto& b : batches) {
    if (b.restore || b.recover_members || (b.hard && (b.hard->first != now.term || b.hard->second != now.vote))) return {};
    for (auto& r : b.append) {
      if (r.index != last.next() || r.kind == membership_kind || r.payload.size() > most_journal_bytes) return {};
      last = r.index;
      bytes += journal_format::entry_bytes(r.payload.size());
      if (bytes > most_journal_bytes) return {};
    }
  }
  if (bytes == 0 || journal_format::framed_bytes(bytes) > journal->bytes() - journal_used) return {};
  if (options.power_fails && options.power_fails->load()) return bytes;
  if (env->full() || !room_for(path, least_room)) return {};
  return bytes;
}

namespace {

// Some of the sectors, but not all: drawn from what is written, so that a run can be repeated.
void tear(journal_file& file, uint64_t at, std::string_view content, char* framed, size_t bytes) {
  using journal_format::sector_bytes;
  uint64_t drawn = lmdb::hash_of_key(content).low;
  const size_t sectors = bytes / sector_bytes, missing = drawn % sectors;
  std::string old(bytes, '\0');
  if (!file.read_back(at, old.data(), bytes)) return;
  for (size_t n = 0; n < sectors; ++n, drawn = drawn * 6364136223846793005 + 1442695040888963407)
    if (n == missing || drawn >> 63 != 0) std::copy_n(old.data() + n * sector_bytes, sector_bytes, framed + n * sector_bytes);
  (void)file.write(at, bytes);
}

} // namespace

// False: the database has to take it, and the journal until then with it.
bool log_store::impl::write_journal(std::span<const log_batch> batches, size_t bytes) {
  auto content = std::make_shared<std::string>();
  content->reserve(bytes);
  for (auto& b : batches)
    for (auto& r : b.append) journal_format::append_entry(*content, r);
  const size_t framed = journal_format::framed_bytes(content->size());
  char* to = journal->buffer(framed);
  journal_format::frame(journal_used, mark->generation, journal_number, *content, to);
  if (options.power_fails && options.power_fails->load()) {
    tear(*journal, journal_used, *content, to, framed);
    trusted = false;
    return false;
  }
  if (auto s = broken(rule::journal_is_written) ? status() : journal->write(journal_used, framed); !s) {
    log::err("agent.server.raft", "the journal of the log cannot be written, its database takes over: error=\"{}\"", s.err().text);
    trusted = false;
    journal.reset();
    tries_later = transactions_between_tries;
    return false;
  }
  journal_used += framed;
  ++journal_number;
  ++syncs;
  std::string_view left = *content;
  uint64_t fresh = 0;
  std::lock_guard lock(position_lock);
  for (auto& b : batches) {
    for (auto& r : b.append) {
      const auto value = left.substr(0, journal_format::entry_bytes(r.payload.size())).substr(journal_format::entry_head_bytes);
      left.remove_prefix(journal_format::entry_bytes(r.payload.size()));
      recent.push_back({content, value, r.term, r.kind});
      recent_bytes += value.size();
      fresh += r.payload.size();
      now.last = r.index;
      now.last_term = r.term;
      now.bytes += r.payload.size();
    }
  }
  appended += fresh;
  return true;
}

void log_store::impl::transact(std::span<const log_batch> batches, bool closing, log_position& next, std::optional<log_format::journal_mark>& next_mark) {
  auto txn = lmdb::transaction::write(*env);
  take_over(txn, next);
  for (auto& b : batches) apply(txn, b, next);
  if (journal && !closing) next_mark = log_format::journal_mark{next_generation, journal->bytes()};
  save(txn, next, next_mark);
  if (vote_owed || next.term != now.term || next.vote != now.vote || next.members != now.members) {
    if (env->full()) lmdb::raise(ENOSPC, "keeping the vote");
    if (auto s = keep_vote(next, false); !s) throw s.err();
    vote_owed = false;
  }
  txn.commit();
}

// Everything goes into the database in one transaction, with what the journal holds; the journal begins again.
status log_store::impl::write_through(std::span<const log_batch> batches, bool closing) {
  // A full map is doubled and the batches are tried again; a full disk is the caller's to report.
  log_position next;
  std::optional<log_format::journal_mark> next_mark;
  for (;;) {
    next = taken;
    next_mark.reset();
    trusted = false;
    try {
      transact(batches, closing, next, next_mark);
      break;
    } catch (const lmdb::failure& f) {
      if (!lmdb::is_map_full(f)) return lmdb::describe(f);
      if (auto s = env->grow(); !s) return s;
    } catch (const error& e) {
      return e;
    }
  }
  ++syncs;
  uint64_t fresh = 0;
  for (auto& b : batches)
    for (auto& r : b.append) fresh += r.payload.size();
  appended += fresh;
  {
    std::lock_guard lock(position_lock);
    now = taken = std::move(next);
    recent.clear();
    mark = next_mark;
  }
  recent_bytes = 0;
  trusted = mark.has_value();
  journal_used = 0;
  journal_number = 1;
  ++next_generation;
  if (tries_later > 0) --tries_later;
  if (!journal && !closing) make_journal();
  return {};
}

status log_store::impl::cut(raft_index upto) {
  upto = std::min(upto, now.last);
  if (upto > taken.last)
    if (auto s = write_through({}); !s) return s;
  while (upto > taken.cut_index) {
    auto next = taken;
    try {
      // A machine crash may undo the last piece (its meta page is not flushed by itself); the log is then only longer. The journal's mark
      // is the same in both.
      auto txn = lmdb::transaction::write(*env, false);
      cut_piece(txn, upto, next);
      forget_members(txn, next);
      next.first = next.cut_index.next();
      save(txn, next, mark);
      txn.commit();
    } catch (const lmdb::failure& f) {
      trusted = false;
      return lmdb::describe(f);
    }
    std::lock_guard lock(position_lock);
    now.first = next.first;
    now.cut_index = next.cut_index;
    now.cut_term = next.cut_term;
    now.members = next.members;
    now.bytes -= taken.bytes - next.bytes;
    taken = std::move(next);
  }
  return {};
}

namespace {

int64_t now_us() { return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

} // namespace

status log_store::impl::may_write() {
  if (is_damaged) return error{errc::corrupt, "the Raft log in " + path + " is damaged"};
  if (auto s = still_there(); !s) return s;
  return begin_writing();
}

status log_store::write(std::span<const log_batch> batches) {
  auto& i = *impl_;
  if (auto s = i.may_write(); !s) return s;
  if (i.journal && i.journal->is_gone()) { // its entries are here as well: the database takes them over
    log::err("agent.server.raft", "the journal of the log in {} was removed while it was in use, another one is made", i.path);
    i.trusted = false;
    i.journal.reset();
  }
  const auto began = now_us();
  i.writing_since.store(began, std::memory_order_relaxed);
  status s;
  if (const auto bytes = i.journal_takes(batches); !bytes || !i.write_journal(batches, *bytes)) s = i.write_through(batches);
  i.writing_since.store(0, std::memory_order_relaxed);
  auto& count = i.took[latency_counts::bucket_of(now_us() - began)];
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); // one thread writes
  if (!s) i.note(s.err());
  return s;
}

status log_store::settle() {
  if (auto s = impl_->may_write(); !s) return s;
  auto s = impl_->recent.empty() ? status() : impl_->write_through({});
  if (!s) impl_->note(s.err());
  return s;
}

bool log_store::wants_to_settle() const {
  const auto& i = *impl_;
  return i.trusted && (i.recent_bytes > many_bytes || i.recent.size() > many_entries || i.journal_used > i.mark->bytes / 4 * 3);
}

bool log_store::is_settled() const { return impl_->recent.empty(); }

status log_store::cut(raft_index upto) {
  if (auto s = impl_->may_write(); !s) return s;
  auto s = impl_->cut(upto);
  if (!s) impl_->note(s.err());
  return s;
}

} // namespace actord
