#include "runtime/base/broken_rule.hpp"
#include "runtime/base/disk_room.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "storage/lmdb/page_walk.hpp"
#include "storage/lmdb/table.hpp"
#include "storage/raft_log/journal_format.hpp"
#include "storage/raft_log/log_store_impl.hpp"
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace actord {

using log_format::membership_kind;

log_record entry_of(const lmdb::cursor& c) {
  auto r = log_format::decode_entry(c.key(), c.value());
  if (!r) lmdb::raise_corrupt("an entry of the log is damaged");
  return *r;
}

raft_index index_of(const lmdb::cursor& c) {
  if (c.key().size() != 8) lmdb::raise_corrupt("a log entry's form");
  return raft_index{lmdb::load_be64(c.key().data())};
}

namespace {

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

constexpr size_t reserved_bytes = 128 << 10;

std::optional<std::pair<uint64_t, uint64_t>> identity_of(int fd) {
  struct stat s{};
  if (::fstat(fd, &s) != 0) return {};
  return std::pair<uint64_t, uint64_t>{s.st_dev, s.st_ino};
}

uint64_t fresh_generation() { // that nothing in a journal has
  std::random_device random;
  return uint64_t{random()} << 32 | (random() | 1);
}

} // namespace

void log_store::impl::load() {
  auto txn = lmdb::transaction::write(*env);
  entries = lmdb::open_plain(txn, "entries");
  meta = lmdb::open_plain(txn, "meta");
  members = lmdb::open_plain(txn, "members");
  {
    lmdb::cursor m(txn, meta);
    read_members(txn, taken);
    std::optional<log_format::position> p;
    if (m.seek("position")) {
      p = log_format::decode_position(m.value());
      if (!p) lmdb::raise_corrupt("the record of its place");
      taken.cut_index = p->cut_index, taken.cut_term = p->cut_term, taken.bytes = p->bytes, taken.term = p->term, taken.vote = p->vote;
      mark = p->journal;
    }
    check_entries(txn, taken);
    if (p && p->last && *p->last != std::pair{taken.last, taken.last_term}) lmdb::raise_corrupt("entries at its end are missing");
  }
  txn.commit();
  now = taken;
}

// A new file gets some pages that are free, so that on a full disk a server can still vote, lead and show what it has.
void log_store::impl::reserve() {
  struct stat file{};
  if (::fstat(env->fd(), &file) != 0 || static_cast<size_t>(file.st_size) > reserved_bytes || !room_for(path, 2 * reserved_bytes)) return;
  for (bool more : {true, false}) {
    auto txn = lmdb::transaction::write(*env);
    if (more) lmdb::put(txn, {meta, 0}, "room", std::string(reserved_bytes, '\0'));
    else lmdb::erase(txn, {meta, 0}, "room");
    txn.commit();
  }
}

// From the cut to the end without a gap, with terms that never fall, each as it was written.
void log_store::impl::check_entries(const lmdb::transaction& txn, log_position& p) {
  p.first = p.cut_index.next();
  p.last = p.cut_index;
  p.last_term = p.cut_term;
  lmdb::cursor e(txn, entries);
  const bool replaced = !p.members->empty() && p.members->front().index.v == 0; // by an operator: those of before have no copy any more
  auto config = p.members->begin();
  while (config != p.members->end() && config->index <= p.cut_index) ++config;
  for (bool more = e.first(); more; more = e.next()) {
    const auto r = entry_of(e);
    if (r.index != p.last.next()) lmdb::raise_corrupt("a gap between entries");
    if (r.term < p.last_term) lmdb::raise_corrupt("an entry's term is lower than that of the one before");
    if (r.kind == membership_kind) {
      const bool copied = config != p.members->end() && config->index == r.index;
      if (copied ? config->payload != r.payload : !replaced) lmdb::raise_corrupt("the copy of a configuration");
      if (copied) ++config;
    }
    p.last = r.index;
    p.last_term = r.term;
  }
  if (config != p.members->end()) lmdb::raise_corrupt("a configuration without its entry");
}

status log_store::impl::replay() {
  const auto bytes = mark ? mark->bytes : options.journal_bytes;
  if (bytes == 0) return {};
  auto file = journal_file::read(path);
  if (!file) return file.err();
  if (!*file && !mark) return {};
  if (mark && !*file) return damaged(path, "journal is missing");
  auto found = journal_format::read(**file, bytes, mark ? mark->generation : 0);
  if (mark && !found.damage.empty()) return damaged(path, found.damage);
  if (mark && !broken(rule::journal_is_replayed))
    for (auto& content : found.batches)
      if (auto s = replay_batch(content); !s) return s;
  journal_sound = found.sound && bytes == options.journal_bytes && (*file)->size() == bytes;
  return {};
}

status log_store::impl::replay_batch(std::string_view batch) {
  const auto content = std::make_shared<const std::string>(batch);
  std::string_view left = *content;
  journal_format::entry e;
  while (!left.empty())
    if (!journal_format::take_entry(left, e) || !replay_entry(content, e.record, e.value)) return damaged(path, "an entry in the journal is not in order");
  return {};
}

bool log_store::impl::replay_entry(const std::shared_ptr<const std::string>& content, const log_record& r, std::string_view value) {
  if (r.index != now.last.next() || r.term < now.last_term || r.kind == membership_kind) return false;
  recent.push_back({content, value, r.term, r.kind});
  recent_bytes += value.size();
  now.bytes += r.payload.size();
  now.last = r.index;
  now.last_term = r.term;
  return true;
}

// A journal that is sound goes on under another generation; any other is left behind, and a new one takes its place.
status log_store::impl::settle_at_start() {
  if (journal_sound) {
    auto opened = journal_file::open(path, options.journal_bytes);
    if (opened) journal = std::move(*opened);
    else log::warn("agent.server.raft", "the journal of the log cannot be written: error=\"{}\"", opened.err().text);
  }
  if (!mark) return {};
  auto s = write_through({});
  return !s && s.err().code == errc::storage_full ? status() : s; // a full disk does not end the start: entries are in the journal, as before
}

// The two copies of term and vote: the file is written first, so it may be one step ahead after a crash.
status log_store::impl::agree_with_vote(const std::optional<vote_record>& kept) {
  if (kept && (kept->term > now.term || (kept->term == now.term && now.vote.empty()))) {
    now.term = taken.term = kept->term;
    now.vote = taken.vote = kept->vote;
  } else if (kept && kept->term == now.term && !kept->vote.empty() && kept->vote != now.vote) {
    return damaged(path, "it holds another vote of term " + std::to_string(now.term.v) + " than the file vote");
  }
  return {};
}

// Whoever refuses the log (the state holds more, say) leaves its files as they were: with another file put back, they may be whole again.
status log_store::impl::begin_writing() {
  if (!on_trial) return {};
  on_trial = false;
  try {
    if (!env->full()) reserve();
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  auto kept = keep_vote(now, false); // a damaged copy is made anew from the log, which was found whole
  vote_owed = !kept && kept.err().code == errc::storage_full; // a full disk does not end the start: nothing is written before the copy is
  if (!kept && !vote_owed) return kept;
  if (auto s = settle_at_start(); !s) return s;
  if (!journal) make_journal();
  return {};
}

status log_store::impl::keep_vote(const log_position& p, bool closing) const {
  vote_record r{p.term, p.vote, *p.members, {}};
  if (closing) r.closed_at.emplace(p.last, p.last_term);
  return write_vote(path, r);
}

void log_store::impl::read_members(const lmdb::transaction& txn, log_position& p) const {
  auto found = std::make_shared<std::vector<stored_log_record>>();
  lmdb::cursor c(txn, members);
  for (bool more = c.first(); more; more = c.next()) {
    const auto r = entry_of(c);
    found->push_back({r.index, r.term, membership_kind, std::string(r.payload)});
  }
  p.members = std::move(found);
}

log_store::log_store(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
log_store::~log_store() {
  auto& i = *impl_;
  if (i.on_trial || i.env->full() || i.vote_owed || i.is_damaged) return;
  if (i.mark && !i.write_through({}, true)) return; // then the journal is needed
  (void)i.keep_vote(i.now, true);
}

result<std::unique_ptr<log_store>> log_store::open(const std::string& path, const log_options& o) {
  const file_wait waits(path);
  auto kept = read_vote(path);
  if (!kept && kept.err().code != errc::corrupt) return kept.err();
  if (auto s = check_structure(path, kept && *kept); !s) return s.err();
  auto env = lmdb::environment::open(path, {.sync = true, .max_tables = 4, .whose = lmdb::owner::log, .full = o.full});
  if (!env) return env.err();
  auto i = std::make_unique<impl>();
  i->path = path;
  i->options = o;
  i->env = std::move(*env);
  i->next_generation = fresh_generation();
  if (auto found = identity_of(i->env->fd())) i->file_id = *found;
  try {
    i->load();
    i->env->let_go_of_pages(); // all were read once, few are again
  } catch (const lmdb::failure& f) {
    auto e = lmdb::describe(f);
    return e.code == errc::corrupt ? damaged(path, f.what) : e;
  }
  if (auto s = i->agree_with_vote(kept ? *kept : std::nullopt); !s) return s.err();
  if (auto s = i->replay(); !s) return s.err();
  if (kept && *kept && (*kept)->closed_at && i->now.last < (*kept)->closed_at->first)
    return damaged(path, "it ends with entry " + std::to_string(i->now.last.v) + ", and was closed with entry " + std::to_string((*kept)->closed_at->first.v));
  if (!o.on_trial)
    if (auto s = i->begin_writing(); !s) return s.err();
  return std::unique_ptr<log_store>(new log_store(std::move(i)));
}

status log_store::accept() { return impl_->begin_writing(); }

void log_store::on_damage(std::function<void(const std::string&)> f) { impl_->on_damage = std::move(f); }

// Whatever LMDB did next in that file, it could go further astray.
void log_store::impl::note(const error& e) const {
  if (e.code != errc::corrupt || is_damaged.exchange(true)) return;
  log::err("agent.server.raft", "the Raft log in {} is damaged, nothing is written to it any more: found=\"{}\"", path, e.text);
  if (on_damage) on_damage(e.text);
}

// Who removes the folder below us does not stop our writes: they would go into files without a name, which are gone with the process.
status log_store::impl::still_there() const {
  const auto name = path + "/data.mdb";
  struct stat s{};
  const bool there = ::stat(name.c_str(), &s) == 0;
  if (there ? file_id == std::pair<uint64_t, uint64_t>{s.st_dev, s.st_ino} : errno != ENOENT && errno != ENOTDIR) return {};
  return error{errc::internal, name + " was removed or replaced while it was in use: what is written now would not be there after a start"};
}

bool log_store::is_gone() const { return !impl_->still_there(); }

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
int64_t log_store::writes_since() const { return impl_->writing_since.load(std::memory_order_relaxed); }
latency_counts log_store::write_times() const {
  latency_counts out;
  for (size_t i = 0; i < latency_counts::buckets; ++i) out.n[i] = impl_->took[i].load(std::memory_order_relaxed);
  return out;
}
std::vector<stored_log_record> log_store::memberships() const { return *impl_->snapshot().members; }

result<raft_term> log_store::term(raft_index at) const {
  {
    std::lock_guard lock(impl_->position_lock);
    const auto& p = impl_->now;
    if (at == p.cut_index) return p.cut_term;
    if (at > impl_->taken.last && at <= p.last) return impl_->recent[at.v - impl_->taken.last.v - 1].term;
  }
  auto found = entries(at, at, 0);
  if (!found) return found.err();
  return found->front().term;
}

result<bool> log_store::impl::read_taken(const span& s, const std::optional<log_format::journal_mark>& as, std::vector<stored_log_record>& out, size_t& bytes) const try {
  std::lock_guard lock(reader_lock);
  auto& txn = read();
  struct pause {
    lmdb::transaction& t;
    ~pause() { t.pause(); }
  } paused{txn};
  if (as) {
    lmdb::cursor m(txn, meta);
    const auto p = m.seek("position") ? log_format::decode_position(m.value()) : std::nullopt;
    if (!p) return error{errc::corrupt, "the record of the Raft log's place is damaged"};
    if (!p->journal || p->journal->generation != as->generation) return false;
  }
  lmdb::cursor c(txn, entries);
  auto expected = s.lo;
  for (bool more = c.seek(big_endian_key(s.lo).view()); more && expected <= s.hi && bytes <= s.max_bytes; more = c.next(), expected = expected.next()) {
    if (index_of(c) != expected) return error{errc::corrupt, "the Raft log has a gap"};
    const auto r = log_format::decode_entry(c.key(), c.value());
    if (!r) return error{errc::corrupt, "entry " + std::to_string(expected.v) + " of the Raft log is damaged"};
    out.push_back({expected, r->term, r->kind, std::string(r->payload)});
    bytes += out.back().payload.size();
  }
  return true;
} catch (const lmdb::failure& f) {
  return lmdb::describe(f);
}

result<std::vector<stored_log_record>> log_store::entries(raft_index lo, raft_index hi, size_t max_bytes) const {
  const auto& i = *impl_;
  std::vector<stored_log_record> out;
  std::vector<recent_entry> recent; // their bytes are copied without the lock
  for (bool same = false; !same;) {
    out.clear();
    recent.clear();
    raft_index last_taken;
    std::optional<log_format::journal_mark> as;
    size_t bytes = 0;
    {
      std::lock_guard lock(i.position_lock);
      last_taken = i.taken.last;
      for (auto at = std::max(lo, last_taken.next()); at <= hi && at <= i.now.last && bytes <= max_bytes; at = at.next()) {
        recent.push_back(i.recent[at.v - last_taken.v - 1]);
        bytes += recent.back().payload().size();
      }
      if (!recent.empty()) as = i.mark; // both parts are to be of one time
    }
    bytes = 0;
    same = true;
    if (lo <= last_taken) {
      auto read = i.read_taken({lo, std::min(hi, last_taken), max_bytes}, as, out, bytes);
      if (!read) {
        i.note(read.err());
        return read.err();
      }
      same = *read;
      if (!same) std::this_thread::yield(); // the writer is about to say so
      if (out.empty() || out.back().index != last_taken) continue;
    }
    for (size_t n = 0; same && n < recent.size() && bytes <= max_bytes; ++n) {
      out.push_back({raft_index{std::max(lo.v, last_taken.v + 1) + n}, recent[n].term, recent[n].kind, std::string(recent[n].payload())});
      bytes += out.back().payload.size();
    }
  }
  if (out.empty()) return error{errc::not_found, "the Raft log does not hold entry " + std::to_string(lo.v)};
  return out;
}

} // namespace actord
