// Another server's snapshot takes the place of the state. It is not copied record by record into the live database: one
// transaction over everything would hold half a gigabyte of dirty pages and leave a file twice the size. A new database
// is made of the file instead, opened, and put in the place of the old one by a rename, the moment at which it counts.
#include "runtime/base/log.hpp"
#include "storage/state/boot_mark.hpp"
#include "storage/state/store_impl.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace actord {

namespace {

error failed(const std::string& what, const std::string& path) {
  auto code = errno == ENOSPC || errno == EDQUOT ? errc::storage_full : errc::internal;
  return {code, what + " " + path + ": " + std::strerror(errno)};
}

status sync_file(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("opening", path);
  auto s = ::fsync(fd) == 0 ? status{} : status{failed("syncing", path)};
  ::close(fd);
  return s;
}

// Also between file systems.
status move_file(const std::string& from, const std::string& to) {
  if (from == to) return {};
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV) return failed("renaming", from);
  auto next = to + ".tmp";
  if (auto s = state::copy_file(from, next); !s) return s;
  if (::rename(next.c_str(), to.c_str()) != 0) return failed("renaming", next);
  ::unlink(from.c_str());
  return {};
}

} // namespace

std::string state_store::snapshot_path() const {
  auto index = snapshot_index();
  return index.v == 0 ? std::string() : state::snapshot_path(impl_->options.path, index);
}

std::string state_store::arrived_path(raft_index index) const { return state::snapshot_path(impl_->options.path, index) + std::string(state::arrived_suffix); }

result<raft_index> state_store::impl::adopt(const std::string& path, std::string_view suffix) {
  auto index = state::index_of_copy(path);
  if (!index) return index;
  if (index->v == 0) return error{errc::corrupt, path + " holds an empty state"};
  if (auto s = sync_file(path); !s) return s.err();
  if (auto s = move_file(path, state::snapshot_path(options.path, *index) + std::string(suffix)); !s) return s.err();
  if (auto s = state::sync_folder(options.path); !s) return s.err();
  return index;
}

result<raft_index> state_store::adopt_snapshot(const std::string& path) {
  std::lock_guard lock(impl_->snapshotting);
  return impl_->adopt(path, state::arrived_suffix);
}

result<change_set> state_store::install_snapshot(const std::string& path) {
  std::lock_guard lock(impl_->snapshotting); // one that is being written now would hold the old state
  std::error_code ec;
  std::string file = path;
  if (file.ends_with(state::arrived_suffix) && !std::filesystem::exists(file, ec)) file.resize(file.size() - state::arrived_suffix.size()); // an earlier try got so far
  auto index = impl_->adopt(file, {});
  if (!index) return index.err();
  // Older ones stay until the state has followed.
  if (impl_->snapshot < index->v) impl_->snapshot = index->v;
  if (impl_->applied >= index->v) return change_set{applied_index(), {}, false, {}};
  if (auto s = impl_->replace(state::snapshot_path(impl_->options.path, *index)); !s) return s.err();
  for (auto& old : state::list_snapshots(impl_->options.path))
    if (old.index < *index) ::unlink(old.path.c_str());
  log::debug("agent.server.state", "installed a snapshot: index={}", index->v);
  return change_set{*index, {}, true, {}};
}

// What came from another server counts once the log was restored to its place. Before that the log may hold other entries
// there, of a term that has lost: a state made of the snapshot would contradict it.
void state_store::impl::take_arrived(bool settled) {
  std::error_code ec;
  std::vector<std::filesystem::path> arrived;
  for (auto& entry : std::filesystem::directory_iterator(options.path, ec))
    if (entry.path().filename().string().ends_with(state::arrived_suffix)) arrived.push_back(entry.path());
  const auto wanted = state::snapshot_path(options.path, options.least_applied);
  for (auto& path : arrived) {
    if (settled) std::filesystem::remove(path, ec);
    else if (path.string() == wanted + std::string(state::arrived_suffix)) std::filesystem::rename(path, wanted, ec);
  }
}

status state_store::impl::replace(const std::string& copy) {
  const auto& folder = options.path;
  const auto next = folder + "/next.tmp"; // opening the store removes what a crash left here
  std::error_code ec;
  std::filesystem::remove_all(next, ec);
  std::filesystem::create_directories(next, ec);
  if (!ec) std::filesystem::copy_file(copy, next + "/data.mdb", ec); // not synced: the snapshot is, and outlives a crash
  if (ec) {
    auto code = ec.value() == ENOSPC || ec.value() == EDQUOT ? errc::storage_full : errc::internal;
    std::error_code ignored;
    std::filesystem::remove_all(next, ignored);
    return error{code, "copying " + copy + ": " + ec.message()};
  }
  const auto was = applied.load();
  auto opened = open_tables(next); // sets `applied`
  // LMDB needs its files' names only to open them. The old lock file goes with its database: two databases must not
  // share one.
  if (opened && ::rename((next + "/data.mdb").c_str(), (folder + "/data.mdb").c_str()) != 0)
    opened = failed("putting the snapshot in place in", folder);
  if (!opened) {
    applied = was;
    std::filesystem::remove_all(next, ec);
    return opened.err();
  }
  if (::rename((next + "/lock.mdb").c_str(), (folder + "/lock.mdb").c_str()) != 0)
    log::warn("agent.server.state", "could not move the lock file: error={}", std::strerror(errno));
  std::filesystem::remove_all(next, ec);
  {
    std::lock_guard lock(swapping);
    db.swap(*opened);
  }
  generation.fetch_add(1, std::memory_order_release);
  return {};
}

} // namespace actord
