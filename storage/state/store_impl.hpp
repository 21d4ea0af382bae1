// The inside of state_store, for the files of this folder.
#pragma once
#include "storage/state/store.hpp"
#include "storage/state/writing.hpp"
#include <atomic>
#include <mutex>

namespace actord {

// The live database. install_snapshot replaces it; who reads the old one keeps it until then.
struct live_database {
  std::unique_ptr<lmdb::environment> env;
  state::tables t;
};

struct state_store::impl {
  store_options options;
  std::string boot_id;
  std::shared_ptr<live_database> db; // the thread that applies reads it freely, others by current()
  std::mutex swapping;
  std::atomic<uint64_t> generation{0}; // counts replacements of db
  std::atomic<uint64_t> applied{0};
  std::atomic<uint64_t> snapshot{0};
  std::mutex snapshotting; // one snapshot at a time

  std::shared_ptr<live_database> current() {
    std::lock_guard lock(swapping);
    return db;
  }
  result<std::shared_ptr<live_database>> open_tables(const std::string& folder);
  status rebuild(const std::string& why);
  result<raft_index> adopt(const std::string& path, std::string_view suffix);
  void take_arrived(bool settled); // at the start; settled: those that are of no use go
  status replace(const std::string& copy); // the state by that of a durable snapshot
  result<change_set> apply(std::span<const log_command> entries, std::vector<apply_result>& results);
};

namespace state {

// Carries out one command inside the batch's transaction. A refusal is in the result and leaves nothing behind.
void apply_command(writing& w, std::string_view bytes, apply_result& out);

struct snapshot_file {
  std::string path;
  raft_index index;
};
std::vector<snapshot_file> list_snapshots(const std::string& folder); // newest first
std::string snapshot_path(const std::string& folder, raft_index index);
inline constexpr std::string_view arrived_suffix = ".arrived"; // of one that the log was not restored to yet
// The applied index inside a copy. An error when it is no whole LMDB file, no state, or one of a newer version.
result<raft_index> index_of_copy(const std::string& file);
inline constexpr uint64_t format_version = 1;

} // namespace state
} // namespace actord
