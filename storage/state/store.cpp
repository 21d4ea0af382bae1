#include "storage/state/store.hpp"
#include "runtime/base/log.hpp"
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
  if (impl_->db->env->flush()) {
    if (auto s = state::write_mark(impl_->options.path, {impl_->boot_id, true}); !s)
      log::warn(subsystem, "could not mark the state as closed: error={}", s.err().text);
  }
}

result<std::unique_ptr<state_store>> state_store::open(store_options o) {
  auto i = std::make_unique<impl>();
  i->options = std::move(o);
  i->boot_id = state::current_boot_id();
  const auto& folder = i->options.path;
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return error{errc::internal, "cannot create " + folder + ": " + ec.message()};
  for (auto& entry : std::filesystem::directory_iterator(folder, ec))
    if (entry.path().extension() == ".tmp") std::filesystem::remove_all(entry.path(), ec);
  i->take_arrived(false);
  auto snapshots = state::list_snapshots(folder);
  if (!snapshots.empty()) i->snapshot = snapshots.front().index.v;

  state::boot_mark left;
  bool marked = state::read_mark(folder, left);
  bool present = std::filesystem::exists(folder + "/data.mdb", ec);
  if (present && !(marked && state::can_trust(left, i->boot_id))) {
    if (auto s = i->rebuild("the machine stopped while it was open"); !s) return s.err();
  } else if (!present && !snapshots.empty()) {
    if (auto s = i->rebuild("the database is missing"); !s) return s.err();
  }
  if (auto s = state::write_mark(folder, {i->boot_id, false}); !s) return s.err();
  auto opened = i->open_tables(folder);
  if (!opened && opened.err().code == errc::corrupt) {
    if (auto s = i->rebuild(opened.err().text); !s) return s.err();
    opened = i->open_tables(folder);
  } else if (opened && i->applied < i->options.least_applied.v) {
    opened = std::shared_ptr<live_database>(); // closed before its files go
    if (auto s = i->rebuild("it ends at " + std::to_string(i->applied)); !s) return s.err();
    opened = i->open_tables(folder);
  }
  if (!opened) return opened.err();
  if (i->applied < i->options.least_applied.v)
    return error{errc::corrupt, "the state in " + folder + " ends at " + std::to_string(i->applied) + ", the log begins after " +
                                    std::to_string(i->options.least_applied.v) + ", and no snapshot holds what is between"};
  i->db = std::move(*opened);
  i->take_arrived(true);
  return std::unique_ptr<state_store>(new state_store(std::move(i)));
}

// Replaces the database by the newest durable snapshot, or by nothing when there is none: the log brings the rest.
status state_store::impl::rebuild(const std::string& why) {
  const auto& folder = options.path;
  auto snapshots = state::list_snapshots(folder);
  std::erase_if(snapshots, [&](auto& s) { return s.index > options.most_applied; });
  auto from = snapshots.empty() ? raft_index{} : snapshots.front().index;
  if (from < options.least_applied)
    return error{errc::corrupt, "the state in " + folder + " cannot be used (" + why + "), the log begins after " +
                                    std::to_string(options.least_applied.v) + ", and the newest snapshot of use ends at " + std::to_string(from.v)};
  std::error_code ec;
  std::filesystem::remove(folder + "/data.mdb", ec);
  std::filesystem::remove(folder + "/lock.mdb", ec);
  log::warn(subsystem, "rebuilding the state: reason=\"{}\" from_index={}", why, from.v);
  if (snapshots.empty()) return {};
  auto next = folder + "/data.mdb.tmp";
  if (auto s = state::copy_file(snapshots.front().path, next); !s) return s;
  std::filesystem::rename(next, folder + "/data.mdb", ec);
  if (ec) return error{errc::internal, "cannot put the snapshot in place: " + ec.message()};
  return state::sync_folder(folder);
}

// Also tells the applied index. The folder holds data.mdb or nothing yet.
result<std::shared_ptr<live_database>> state_store::impl::open_tables(const std::string& folder) {
  auto opened = lmdb::environment::open(folder, {.sync = false, .full = options.full});
  if (!opened) return opened.err();
  auto out = std::make_shared<live_database>();
  out->env = std::move(*opened);
  try {
    auto txn = lmdb::transaction::write(*out->env);
    auto& t = out->t;
    t.each([&](const char* name, lmdb::table& table) { lmdb::open_table(txn, name, table); });
    auto format = state::get_number(txn, t.meta, "format");
    if (format > state::format_version)
      return error{errc::internal, "the state was written by a newer version (format " + std::to_string(format) + ")"};
    if (format == 0) state::put_number(txn, t.meta, "format", state::format_version);
    applied = state::get_number(txn, t.meta, "applied");
    txn.commit();
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  return out;
}

raft_index state_store::applied_index() const { return raft_index{impl_->applied.load(std::memory_order_acquire)}; }
raft_index state_store::snapshot_index() const { return raft_index{impl_->snapshot.load()}; }

result<change_set> state_store::apply(std::span<const log_command> entries, std::vector<apply_result>& results) {
  if (entries.empty()) return change_set{applied_index(), {}, false, {}};
  while (true) {
    try {
      return impl_->apply(entries, results);
    } catch (const lmdb::failure& f) {
      if (!lmdb::is_map_full(f)) return lmdb::describe(f);
    }
    if (auto s = impl_->db->env->grow(); !s) return s.err();
  }
}

result<change_set> state_store::impl::apply(std::span<const log_command> entries, std::vector<apply_result>& results) {
  results.assign(entries.size(), {});
  auto txn = lmdb::transaction::write(*db->env);
  auto& t = db->t;
  state::writing w{.txn = txn, .t = t};
  for (size_t i = 0; i < entries.size(); ++i) {
    w.index = entries[i].index.v;
    results[i].index = w.index;
    if (!entries[i].bytes.empty()) state::apply_command(w, entries[i].bytes, results[i]);
  }
  if (w.kvs_index != 0) state::put_index(txn, t, "kvs", w.kvs_index);
  if (w.tombstones_index != 0) state::put_index(txn, t, "tombstones", w.tombstones_index);
  state::put_number(txn, t.meta, "applied", w.index);
  txn.commit();
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
