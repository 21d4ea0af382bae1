#include "storage/raft_log/damaged_log.hpp"
#include "runtime/base/files.hpp"
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/lmdb/page_walk.hpp"
#include "storage/raft_log/journal_file.hpp"
#include "storage/raft_log/journal_format.hpp"
#include "storage/raft_log/log_format.hpp"
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace actord {

namespace {

// An error: it could not be read, which says nothing about what it holds.
result<bool> is_sound_file(const std::string& file) {
  const auto opened = open_file(file, O_RDONLY);
  if (!opened) return opened.err();
  if (!*opened) return false;
  const int fd = **opened;
  const lmdb::file_pages pages(fd);
  auto head = lmdb::read_head(pages);
  auto whole = head ? lmdb::page_walk(pages, *head).go() : result<bool>(head.err());
  ::close(fd);
  if (!whole && whole.err().code != errc::corrupt) return error{whole.err().code, file + ": " + whole.err().text};
  return whole.ok();
}

// The structure is sound, so that LMDB can walk it; what the records say may not be.
void read_entries(const lmdb::transaction& txn, unsigned table, raft_index after, log_remains& out) {
  char key[8];
  lmdb::store_be64(key, after.v == 0 ? 1 : after.v);
  lmdb::cursor c(txn, table);
  auto next = after.next();
  for (bool more = c.seek_from({key, sizeof key}); more; more = c.next()) {
    auto r = log_format::decode_entry(c.key(), c.value());
    if (c.key() == std::string_view(key, sizeof key) && after.v > 0) { // inside the state: only its term is of use
      if (r) out.after_term = r->term;
      continue;
    }
    const auto before = out.entries.empty() ? out.after_term : out.entries.back().term;
    if (!r || r->index != next || r->term < before) return;
    out.entries.push_back({r->index, r->term, r->kind, std::string(r->payload)});
    next = next.next();
  }
}

// What the journal says on top of the database. Where it is not whole, nobody knows how the log ended.
status read_journal(const std::string& folder, const log_format::journal_mark& mark, raft_index after, log_remains& out) {
  auto file = journal_file::read(folder);
  if (!file) return file.err();
  const auto found = journal_format::read(*file ? std::string_view(**file) : std::string_view(), mark.bytes, mark.generation);
  bool in_order = true;
  for (std::string_view batch : found.batches) {
    journal_format::entry e;
    while (in_order && !batch.empty()) {
      in_order = journal_format::take_entry(batch, e);
      if (!in_order) break;
      const auto& r = e.record;
      out.last = r.index;
      if (r.index == after) out.after_term = r.term;
      const auto next = out.entries.empty() ? after.next() : out.entries.back().index.next();
      if (r.index == next) out.entries.push_back({r.index, r.term, r.kind, std::string(r.payload)});
    }
  }
  if (!in_order || !found.damage.empty()) out.last.reset();
  return {};
}

status read_database(const std::string& folder, raft_index after, log_remains& out) {
  auto env = lmdb::environment::open(folder, {.sync = true, .max_tables = 4, .whose = lmdb::owner::log});
  if (!env) return env.err().code == errc::corrupt ? status{} : status{env.err()};
  std::optional<log_format::position> p;
  try {
    auto txn = lmdb::transaction::write(**env); // aborted: creates no table
    const auto entries = lmdb::open_plain(txn, "entries"), meta = lmdb::open_plain(txn, "meta"), members = lmdb::open_plain(txn, "members");
    {
      lmdb::cursor m(txn, meta), c(txn, members);
      if (m.seek("position")) p = log_format::decode_position(m.value());
      if (p && (!out.hard || out.hard->first < p->term || (out.hard->first == p->term && out.hard->second.empty()))) out.hard.emplace(p->term, p->vote);
      if (p && p->last) out.last = p->last->first;
      if (p && p->last && p->last->first == after) out.after_term = p->last->second;
      if (p && p->cut_index == after) out.after_term = p->cut_term;
      if (out.members.empty())
        for (bool more = c.first(); more; more = c.next())
          if (auto r = log_format::decode_entry(c.key(), c.value())) out.members.push_back({r->index, r->term, r->kind, std::string(r->payload)});
    }
    read_entries(txn, entries, after, out);
  } catch (const lmdb::failure& f) {
    auto e = lmdb::describe(f);
    if (e.code != errc::corrupt) return e; // else what was found by then is what there is
  }
  return p && p->journal ? read_journal(folder, *p->journal, after, out) : status();
}

} // namespace

result<log_remains> read_remains(const std::string& folder, raft_index after) {
  log_remains out;
  auto kept = read_vote(folder);
  if (!kept && kept.err().code != errc::corrupt) return kept.err();
  if (kept && *kept) {
    out.hard.emplace((*kept)->term, (*kept)->vote);
    out.members = (*kept)->members;
    if (auto& end = (*kept)->closed_at) {
      out.last = end->first;
      if (end->first == after) out.after_term = end->second;
    }
  }
  const auto sound = is_sound_file(folder + "/data.mdb");
  if (!sound) return sound.err();
  if (*sound)
    if (auto s = read_database(folder, after, out); !s) return s.err();
  return out;
}

namespace {

// Links it under another name, which it gives; "": there is no such file.
result<std::string> keep_aside(const std::string& file, std::string_view suffix) {
  namespace fs = std::filesystem;
  std::error_code ec;
  const bool there = fs::exists(file, ec);
  if (ec) return error{errc::internal, "cannot look at " + file + ": " + ec.message()};
  if (!there) return std::string();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto first = file + std::string(suffix) + std::to_string(seconds);
  auto aside = first;
  for (int n = 1; fs::exists(aside, ec); ++n) aside = first + "-" + std::to_string(n);
  if (::link(file.c_str(), aside.c_str()) != 0) return file_error("link", aside);
  return aside;
}

} // namespace

result<std::string> begin_anew(const std::string& folder, raft_index after, const log_remains& with, std::string_view suffix) {
  namespace fs = std::filesystem;
  const auto file = folder + "/data.mdb", next = folder + "/anew";
  std::error_code ec;
  fs::remove_all(next, ec);
  {
    auto log = log_store::open(next, {.journal_bytes = 0});
    if (!log) return log.err();
    log_batch b;
    if (after.v > 0) {
      b.restore.emplace(after, with.after_term);
      for (auto& m : with.members)
        if (m.index <= after) b.restore_members.emplace(m.index, m.payload);
    } else if (!with.members.empty() && with.members.front().index.v == 0) {
      b.recover_members = with.members.front().payload;
    }
    for (auto& e : with.entries) b.append.push_back({e.index, e.term, e.kind, e.payload});
    if (with.hard) b.hard = *with.hard;
    if (auto s = (*log)->write({&b, 1}); !s) return s.err();
  }
  auto aside = keep_aside(file, suffix);
  if (!aside) return aside;
  // The new one does not know of the journal: who opens it puts another in its place.
  if (auto kept = keep_aside(journal_file::path_in(folder), suffix); !kept) return kept;
  for (const char* name : {"/data.mdb", "/vote"})
    if (::rename((next + name).c_str(), (folder + name).c_str()) != 0) return file_error("rename", next + name);
  fs::remove(folder + "/lock.mdb", ec); // two databases must not share one
  fs::remove(journal_file::path_in(folder), ec); // under its other name it is not written any more
  fs::remove_all(next, ec);
  if (auto s = sync_folder(folder); !s) return s.err();
  return aside;
}

} // namespace actord
