// The inside of state_store, for the files of this folder.
#pragma once
#include "storage/state/store.hpp"
#include "storage/state/writing.hpp"
#include <atomic>
#include <mutex>

namespace actord {

struct state_store::impl {
  store_options options;
  std::string boot_id;
  std::unique_ptr<lmdb::environment> env;
  state::tables t;
  std::atomic<uint64_t> applied{0};
  std::atomic<uint64_t> snapshot{0};
  std::mutex snapshotting; // one snapshot at a time

  status open_tables();
  status rebuild(const std::string& why);
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
result<raft_index> index_of_copy(const std::string& file); // the applied index inside

} // namespace state
} // namespace actord
