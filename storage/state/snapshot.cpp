// Durable snapshots: compacted copies of the database beside it, named snapshot-<20 digits>.mdb by the index they hold.
#include "runtime/base/log.hpp"
#include "storage/state/boot_mark.hpp"
#include "storage/state/store_impl.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace actord {

namespace state {

std::string snapshot_path(const std::string& folder, raft_index index) {
  return fmt::format("{}/snapshot-{:020}.mdb", folder, index.v);
}

std::vector<snapshot_file> list_snapshots(const std::string& folder) {
  std::vector<snapshot_file> out;
  std::error_code ec;
  for (auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    auto name = entry.path().filename().string();
    if (name.size() != 33 || !name.starts_with("snapshot-") || !name.ends_with(".mdb")) continue;
    uint64_t index = 0;
    bool digits = true;
    for (char c : name.substr(9, 20)) {
      digits = digits && c >= '0' && c <= '9';
      index = index * 10 + static_cast<uint64_t>(c - '0');
    }
    if (digits) out.push_back({entry.path().string(), raft_index{index}});
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.index > b.index; });
  return out;
}

result<raft_index> index_of_copy(const std::string& file) {
  auto env = lmdb::environment::open(file, {.sync = false, .read_only_file = true});
  if (!env) return env.err();
  try {
    auto txn = lmdb::transaction::read(**env);
    lmdb::table meta;
    if (!lmdb::open_table(txn, "meta", meta)) return error{errc::corrupt, file + " holds no state"};
    auto format = get_number(txn, meta, "format");
    if (format == 0) return error{errc::corrupt, file + " holds no state"};
    if (format > format_version) return error{errc::internal, file + " was written by a newer version (format " + std::to_string(format) + ")"};
    return raft_index{get_number(txn, meta, "applied")};
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
}

} // namespace state

result<raft_index> state_store::write_snapshot() {
  std::lock_guard lock(impl_->snapshotting);
  const auto& folder = impl_->options.path;
  auto next = folder + "/snapshot.tmp";
  // Each write is synced by itself: all of it at the end would hold up the log's syncs for as long as the disk takes for it.
  int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC | O_CLOEXEC, 0600);
  if (fd < 0) return error{errc::internal, "opening " + next + ": " + std::strerror(errno)};
  auto s = impl_->current()->env->copy_to(fd);
  if (s && ::fsync(fd) != 0) s = error{errno == ENOSPC ? errc::storage_full : errc::internal, "syncing " + next + ": " + std::strerror(errno)};
  ::close(fd);
  result<raft_index> index = s ? state::index_of_copy(next) : result<raft_index>(s.err());
  if (!index) {
    ::unlink(next.c_str());
    return index;
  }
  auto path = state::snapshot_path(folder, *index);
  if (::rename(next.c_str(), path.c_str()) != 0) return error{errc::internal, "renaming " + next + ": " + std::strerror(errno)};
  if (auto synced = state::sync_folder(folder); !synced) return synced.err();
  impl_->snapshot = index->v;
  // One older snapshot would be of no use: this one was read back, and the log starts behind it.
  for (auto& old : state::list_snapshots(folder))
    if (old.index < *index) ::unlink(old.path.c_str());
  return index;
}

} // namespace actord
