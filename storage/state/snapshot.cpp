// Durable snapshots: compacted copies of the database beside it, named snapshot-<20 digits>.mdb by the index they hold.
#include "runtime/base/disk_room.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "storage/command/row.hpp"
#include "storage/lmdb/size.hpp"
#include "storage/state/boot_mark.hpp"
#include "storage/state/copy_in_turns.hpp"
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

result<std::vector<snapshot_file>> list_snapshots(const std::string& folder) {
  auto names = list_files(folder);
  if (!names) return names.err();
  std::vector<snapshot_file> out;
  if (!*names) return out;
  for (auto& name : **names) {
    if (name.size() != 33 || !name.starts_with("snapshot-") || !name.ends_with(".mdb")) continue;
    uint64_t index = 0;
    bool digits = true;
    for (char c : name.substr(9, 20)) {
      digits = digits && c >= '0' && c <= '9';
      index = index * 10 + static_cast<uint64_t>(c - '0');
    }
    if (digits) out.push_back({folder + "/" + name, raft_index{index}});
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.index > b.index; });
  return out;
}

void remove_snapshots_before(const std::string& folder, raft_index index) {
  const auto all = list_snapshots(folder);
  if (!all) return log::warn("agent.server.snapshot", "older snapshots were not removed: error=\"{}\"", all.err().text);
  for (auto& old : *all)
    if (old.index < index) ::unlink(old.path.c_str());
}

result<verified_state> verify_copy(const std::string& file) {
  auto v = verify_file(file);
  if (!v) return v;
  if (v->format == 0) return error{errc::corrupt, file + " holds no state"};
  if (v->format > format_version) return error{errc::internal, file + " was written by a newer version (format " + std::to_string(v->format) + ")"};
  if (v->level > highest_command_level()) return newer_commands(file, v->level);
  return v;
}

error newer_commands(const std::string& what, uint64_t level) {
  return {errc::internal, fmt::format("{} holds commands of level {}, of which this version reads those up to {}: bring this server to the version of the others", what, level,
                                      highest_command_level())};
}

} // namespace state

// A copy that does not fit would take what is left from the log before it fails.
status state_store::impl::room_for_copy() {
  const auto now = current();
  uint64_t bytes = 0;
  try {
    auto txn = lmdb::transaction::read(*now->env);
    now->t.each([&](const char*, lmdb::table& table) { bytes += lmdb::bytes_of(txn, table.id); });
    bytes += lmdb::bytes_of(txn, now->t.meta.overflow);
  } catch (const lmdb::failure& f) {
    return lmdb::describe(f);
  }
  return room_for(options.path, bytes);
}

result<raft_index> state_store::write_snapshot(const copy_turn& turn) {
  std::lock_guard lock(impl_->snapshotting);
  const auto& folder = impl_->options.path;
  if (auto s = make_folder(folder); !s) return s.err(); // somebody may have removed it
  if (auto s = impl_->room_for_copy(); !s) return s.err();
  auto next = folder + "/snapshot.tmp";
  // Without turns each write is synced by itself: all of it at the end would hold up the log's syncs for as long as the disk takes for it.
  const auto opened = open_fresh(next, turn ? 0 : O_DSYNC);
  if (!opened) return opened.err();
  const int fd = *opened;
  const auto now = impl_->current();
  auto s = turn ? state::copy_in_turns(*now->env, fd, next, turn) : now->env->copy_to(fd);
  if (s && ::fsync(fd) != 0) s = error{errno == ENOSPC ? errc::storage_full : errc::internal, "syncing " + next + ": " + std::strerror(errno)};
  ::close(fd);
  auto read_back = s ? state::verify_copy(next) : result<state::verified_state>(s.err());
  if (!read_back) {
    ::unlink(next.c_str());
    // LMDB copies what it finds: a copy that is damaged has it from the state.
    if (read_back.err().code == errc::corrupt) impl_->note_damage("a copy of it: " + read_back.err().text);
    return read_back.err();
  }
  const raft_index index{read_back->applied};
  auto path = state::snapshot_path(folder, index);
  if (::rename(next.c_str(), path.c_str()) != 0) return error{errc::internal, "renaming " + next + ": " + std::strerror(errno)};
  if (auto synced = state::sync_folder(folder); !synced) return synced.err();
  impl_->snapshot = index.v;
  // One older snapshot would be of no use: this one was read back, and the log starts behind it.
  state::remove_snapshots_before(folder, index);
  std::error_code ec;
  for (auto& entry : std::filesystem::directory_iterator(folder, ec))
    if (entry.path().filename().string().ends_with(state::damaged_suffix)) std::filesystem::remove(entry.path(), ec);
  return index;
}

status state_store::verify_snapshot() {
  std::lock_guard lock(impl_->snapshotting);
  const auto path = snapshot_path();
  if (path.empty()) return {};
  auto v = state::verify_copy(path);
  const bool gone = !v && v.err().code == errc::not_found;
  if (v || (v.err().code != errc::corrupt && !gone)) return v ? status{} : status{v.err()};
  if (!gone && ::rename(path.c_str(), (path + std::string(state::damaged_suffix)).c_str()) != 0)
    return error{errc::internal, v.err().text + "; and it cannot be set aside: " + std::strerror(errno)};
  auto others = state::list_snapshots(impl_->options.path);
  if (!others) return others.err();
  impl_->snapshot = others->empty() ? 0 : others->front().index.v;
  return v.err();
}

} // namespace actord
