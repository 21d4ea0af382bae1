#include "storage/state/store.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "storage/command/row.hpp"
#include "storage/state/boot_mark.hpp"
#include "storage/state/store_impl.hpp"
#include <algorithm>
#include <filesystem>
#include <tuple>

namespace actord {

namespace {
constexpr std::string_view subsystem = "agent.server.state";
} // namespace

state_store::state_store(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

state_store::~state_store() {
  if (impl_->db->env->flush() && !is_damaged()) {
    if (auto s = state::write_mark(impl_->options.path, {impl_->boot_id, true}); !s)
      log::warn(subsystem, "could not mark the state as closed: error={}", s.err().text);
  }
}

result<std::unique_ptr<state_store>> state_store::open(store_options o) {
  auto i = std::make_unique<impl>();
  i->options = std::move(o);
  i->boot_id = state::current_boot_id();
  const auto& folder = i->options.path;
  const std::string name = folder;
  const file_wait waits(name);
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return error{errc::internal, "cannot create " + folder + ": " + ec.message()};
  for (auto& entry : std::filesystem::directory_iterator(folder, ec))
    if (entry.path().extension() == ".tmp") std::filesystem::remove_all(entry.path(), ec);
  if (i->options.begin_empty)
    if (auto s = i->set_aside(); !s) return s.err();
  if (auto s = i->take_arrived(false); !s) return s.err();
  auto snapshots = state::list_snapshots(folder);
  if (!snapshots) return snapshots.err();
  if (!snapshots->empty()) i->snapshot = snapshots->front().index.v;

  if (auto s = i->find_base(); !s) return s.err();
  if (auto s = state::write_mark(folder, {i->boot_id, false}); !s) return s.err();
  auto opened = i->open_tables(folder);
  if (!opened && opened.err().code == errc::corrupt) {
    if (auto s = i->rebuild(opened.err().text, true); !s) return s.err();
    opened = i->open_tables(folder);
  } else if (opened && i->applied < i->options.least_applied.v) {
    opened = std::shared_ptr<live_database>(); // closed before its files go
    if (auto s = i->rebuild("it ends at " + std::to_string(i->applied), false); !s) return s.err();
    opened = i->open_tables(folder);
  }
  if (!opened) return opened.err();
  if (i->applied < i->options.least_applied.v)
    return error{errc::corrupt, "the state in " + folder + " ends at " + std::to_string(i->applied) + ", the log begins after " +
                                    std::to_string(i->options.least_applied.v) + ", and no snapshot holds what is between"};
  i->db = std::move(*opened);
  i->options.before_rebuild = {}; // the caller's
  (void)i->take_arrived(true); // what is left is looked at by the next start
  return std::unique_ptr<state_store>(new state_store(std::move(i)));
}

// What is there to open: the database that was left, when it can be trusted and is sound, else what a snapshot gives.
status state_store::impl::find_base() {
  const auto& folder = options.path;
  state::boot_mark left;
  const auto marked = state::read_mark(folder, left);
  if (!marked) return marked.err();
  const auto there = is_file(folder + "/data.mdb");
  if (!there) return there.err();
  if (!*there) return snapshot == 0 ? status{} : rebuild("the database is missing", false);
  if (!left.damage.empty()) return rebuild(left.damage, true, left.differs);
  if (!*marked || !state::can_trust(left, boot_id)) return rebuild("the machine stopped while it was open", false);
  auto found = state::verify_at_start(folder + "/data.mdb");
  if (!found) return found.err().code == errc::corrupt ? rebuild(found.err().text, true) : status{found.err()};
  hand(std::move(found->missing), 0);
  return {};
}

// Kept until the next snapshot is written.
status state_store::impl::set_aside() {
  std::error_code ec;
  auto names = state::list_snapshots(options.path);
  if (!names) return names.err();
  names->push_back({options.path + "/data.mdb", {}});
  for (auto& n : *names) {
    const bool there = std::filesystem::exists(n.path, ec);
    if (ec) return error{errc::internal, "cannot look at " + n.path + ": " + ec.message()};
    if (!there) continue;
    std::filesystem::rename(n.path, n.path + std::string(state::damaged_suffix), ec);
    if (ec) return error{errc::internal, "cannot set " + n.path + " aside: " + ec.message()};
  }
  std::filesystem::remove(options.path + "/lock.mdb", ec);
  return state::sync_folder(options.path);
}

// Replaces the database by the newest durable snapshot that is whole, or by nothing when there is none: the log brings the
// rest. Nothing is touched when that would not be all.
status state_store::impl::rebuild(const std::string& why, bool is_damaged, bool differs) {
  const auto& folder = options.path;
  auto found = state::list_snapshots(folder);
  if (!found) return found.err();
  auto& snapshots = *found;
  std::erase_if(snapshots, [&](auto& s) { return s.index > options.most_applied; });
  result<state::verified_state> base = state::verified_state{};
  std::string bad;
  std::vector<std::string> unusable;
  if (differs) {
    for (auto& s : snapshots) unusable.push_back(s.path);
    snapshots.clear();
  }
  while (!snapshots.empty() && !(base = state::verify_copy(snapshots.front().path))) {
    if (base.err().code != errc::corrupt) return base.err();
    bad += "; " + base.err().text;
    unusable.push_back(snapshots.front().path);
    snapshots.erase(snapshots.begin());
    base = state::verified_state{};
  }
  const auto from = snapshots.empty() ? raft_index{} : snapshots.front().index;
  const bool log_is_empty = options.most_applied.v == 0 && from.v == 0 && is_damaged;
  if (from < options.least_applied || log_is_empty) {
    if (is_damaged) (void)state::write_mark(folder, {boot_id, false, why, differs});
    const auto log = log_is_empty ? std::string("the log is empty") : "the log begins after " + std::to_string(options.least_applied.v);
    const auto reach = from.v == 0 ? std::string("there is no snapshot of use") : "the newest snapshot of use ends at " + std::to_string(from.v);
    return error{errc::corrupt, "the state in " + folder + " cannot be used (" + why + bad + "), " + log + ", and " + reach +
                                    ". Nothing was changed. Put back a copy of the data directory; or, if other servers have the state, " +
                                    "stop this one, move its data directory away and start it anew: they will bring it up to date"};
  }
  if (options.before_rebuild)
    if (auto s = options.before_rebuild(raft_index{state::applied_in(folder + "/data.mdb")}); !s) return s;
  log::warn(subsystem, "the state is rebuilt from snapshot and log: reason=\"{}\" from_index={}", why + bad, from.v);
  std::error_code ec;
  for (auto& path : unusable) std::filesystem::rename(path, path + std::string(state::damaged_suffix), ec);
  snapshot = from.v;
  if (is_damaged) std::filesystem::rename(folder + "/data.mdb", folder + "/data.mdb" + std::string(state::damaged_suffix), ec); // until the next snapshot
  if (!snapshots.empty()) {
    auto next = folder + "/data.mdb.tmp";
    if (auto s = state::copy_file(snapshots.front().path, next); !s) return s;
    std::filesystem::rename(next, folder + "/data.mdb", ec);
  } else {
    std::filesystem::remove(folder + "/data.mdb", ec);
  }
  if (ec) return error{errc::internal, "cannot put the snapshot in place: " + ec.message()};
  std::filesystem::remove(folder + "/lock.mdb", ec);
  hand(std::move(base->missing), 0);
  return state::sync_folder(folder);
}

// Also tells the applied index. The folder holds data.mdb or nothing yet.
result<std::shared_ptr<live_database>> state_store::impl::open_tables(const std::string& folder) {
  auto opened = lmdb::environment::open(folder, {.sync = false, .whose = lmdb::owner::state, .full = options.full});
  if (!opened) return opened.err();
  auto out = std::make_shared<live_database>();
  out->env = std::move(*opened);
  try {
    auto txn = lmdb::transaction::write(*out->env);
    auto& t = out->t;
    t.each([&](const char* name, lmdb::table& table) { lmdb::open_table(txn, name, table); });
    auto waiting = state::all_lock_delays(txn, t);
    if (auto s = begin_digest(*out, txn); !s) return s.err();
    txn.commit();
    delays.found(waiting);
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  return out;
}

raft_index state_store::applied_index() const { return raft_index{impl_->applied.load(std::memory_order_acquire)}; }
unsigned state_store::command_level() const { return static_cast<unsigned>(impl_->level.load(std::memory_order_acquire)); }
lock_delays& state_store::delays() { return impl_->delays; }
raft_index state_store::snapshot_index() const { return raft_index{impl_->snapshot.load()}; }

result<change_set> state_store::apply(std::span<const log_command> entries, std::vector<apply_result>& results) {
  if (entries.empty()) return change_set{applied_index(), {}, false, {}};
  while (true) {
    if (is_damaged()) return error{errc::corrupt, "the state is damaged: " + damage()};
    try {
      return impl_->apply(entries, results);
    } catch (const lmdb::failure& f) {
      auto e = lmdb::describe(f);
      if (e.code == errc::corrupt) note_damage(e.text);
      if (!lmdb::is_map_full(f)) return e;
    }
    if (auto s = impl_->db->env->grow(); !s) return s.err();
  }
}

result<change_set> state_store::impl::apply(std::span<const log_command> entries, std::vector<apply_result>& results) {
  results.assign(entries.size(), {});
  auto txn = lmdb::transaction::write(*db->env);
  auto& t = db->t;
  txn.count(db->sums);
  const bool complete = take_missing(txn) || db->complete;
  std::vector<state_digest> between;
  uint64_t newest = db->level;
  state::writing w{.txn = txn, .t = t};
  for (size_t i = 0; i < entries.size(); ++i) {
    w.index = entries[i].index.v;
    results[i].index = w.index;
    if (const auto* row = row_of(entries[i].bytes)) newest = std::max<uint64_t>(newest, row->level);
    if (!entries[i].bytes.empty()) state::apply_command(w, entries[i].bytes, results[i]);
    if (w.index % digest_interval != 0 || i + 1 == entries.size()) continue;
    w.put_common_indexes();
    txn.sums()->settle();
    between.push_back({entries[i].index, state::fingerprint_in(digest_of(*txn.sums(), *db, w.index, complete))});
  }
  w.put_common_indexes();
  const auto fingerprint = save_digest(txn, *db, w.index, complete);
  if (newest != db->level) state::put_number(txn, t.meta, "level", newest);
  txn.commit();
  level = db->level = newest;
  db->sums = *txn.sums();
  db->complete = complete;
  if (complete) {
    for (auto& d : between) digests.note(d.index, d.value);
    digests.note(raft_index{w.index}, fingerprint);
  }
  applied.store(w.index, std::memory_order_release);
  change_set changes{raft_index{w.index}, std::move(w.topics), false, std::move(w.released)};
  auto order = [](const topic& a, const topic& b) { return std::tie(a.kind, a.key) < std::tie(b.kind, b.key); };
  if (changes.topics.size() > 1) {
    std::sort(changes.topics.begin(), changes.topics.end(), order);
    changes.topics.erase(std::unique(changes.topics.begin(), changes.topics.end()), changes.topics.end());
  }
  return changes;
}

} // namespace actord
