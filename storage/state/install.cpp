// Another server's snapshot takes the place of the state. It is not copied record by record into the live database: one
// transaction over everything would hold half a gigabyte of dirty pages and leave a file twice the size. A new database
// is made of the file instead, opened, and put in the place of the old one by a rename, the moment at which it counts.
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "storage/state/boot_mark.hpp"
#include "storage/state/clone_file.hpp"
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
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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

// Read as a whole, once: from then on the file is ours and is only moved.
result<raft_index> state_store::impl::adopt(const std::string& path, std::string_view suffix) {
  if (path != adopted_path) {
    auto v = state::verify_copy(path);
    if (!v) return v.err();
    if (v->applied == 0) return error{errc::corrupt, path + " holds an empty state"};
    if (auto s = sync_file(path); !s) return s.err();
    adopted = std::move(*v);
    adopted_path = path;
  }
  const raft_index index{adopted.applied};
  const auto to = state::snapshot_path(options.path, index) + std::string(suffix);
  if (auto s = move_file(path, to); !s) return s.err();
  adopted_path = to;
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
  impl_->hand(std::move(impl_->adopted.missing), impl_->generation.load());
  state::remove_snapshots_before(impl_->options.path, *index);
  log::debug("agent.server.state", "installed a snapshot: index={}", index->v);
  return change_set{*index, {}, true, {}};
}

// What came from another server counts once the log was restored to its place. Before that the log may hold other entries
// there, of a term that has lost: a state made of the snapshot would contradict it.
status state_store::impl::take_arrived(bool settled) {
  auto names = list_files(options.path);
  if (!names) return names.err();
  if (!*names) return {};
  const auto wanted = state::snapshot_path(options.path, options.least_applied);
  for (auto& name : **names) {
    const auto path = options.path + "/" + name;
    if (!name.ends_with(state::arrived_suffix)) continue;
    if (settled) ::unlink(path.c_str());
    else if (path == wanted + std::string(state::arrived_suffix) && ::rename(path.c_str(), wanted.c_str()) != 0) return failed("renaming", path);
  }
  return {};
}

status state_store::impl::replace(const std::string& copy) {
  const auto& folder = options.path;
  const auto next = folder + "/next.tmp"; // opening the store removes what a crash left here
  std::error_code ec;
  std::filesystem::remove_all(next, ec);
  std::filesystem::create_directories(next, ec);
  auto copied = ec ? status{error{errc::internal, "creating " + next + ": " + ec.message()}} : state::clone_file(copy, next + "/data.mdb"); // not synced: the snapshot is, and outlives a crash
  if (!copied) {
    std::filesystem::remove_all(next, ec);
    return copied;
  }
  const auto was = applied.load(), was_level = level.load();
  digests.forget(); // of what is replaced; without them it is compared later
  auto opened = open_tables(next); // sets `applied`
  // LMDB needs its files' names only to open them. The old lock file goes with its database: two databases must not
  // share one.
  if (opened && ::rename((next + "/data.mdb").c_str(), (folder + "/data.mdb").c_str()) != 0)
    opened = failed("putting the snapshot in place in", folder);
  if (!opened) {
    applied = was;
    level = was_level;
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
