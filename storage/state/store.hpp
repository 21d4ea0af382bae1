// The replicated state on LMDB: opened at the start, written by the state actor only, read by everybody through readers.
// Not synced per commit: a crash of the process loses nothing (the pages are the kernel's); after a crash of the machine
// it is thrown away and rebuilt from the last durable snapshot and the log (README, Decisions).
#pragma once
#include "runtime/base/error.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/changes.hpp"
#include "storage/state/read_view.hpp"
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

struct log_command { // one committed entry
  raft_index index;
  std::string_view bytes; // empty: a no-op; only the applied index moves
};

struct store_options {
  std::string path;            // the folder state/ of the data directory; created when absent
  std::string datacenter = "dc1";
  bool keep_history = false;
};

class state_store {
public:
  // Opens or creates. Recognises that the machine crashed since (boot id, clean mark), rebuilds from the newest durable
  // snapshot beside it then, and says so in the log. The Raft log is replayed from applied_index() by the caller.
  static result<std::unique_ptr<state_store>> open(store_options o);
  ~state_store(); // marks a clean stop after a sync

  raft_index applied_index() const;

  // Applies consecutive entries in one write transaction; results[i] belongs to entries[i]. Never called by two threads
  // at once. An error (disk full, map full beyond growth) leaves the state as it was: the caller retries or stops.
  result<change_set> apply(std::span<const log_command> entries, std::vector<apply_result>& results);

  // Writes a durable snapshot (a compacted copy, synced, renamed into place) from a read transaction, without holding up
  // writes. Returns the index that it contains: the log may be cut up to there. Called from another thread than apply.
  result<raft_index> write_snapshot();
  raft_index snapshot_index() const; // of the newest durable snapshot, 0 when there is none

  struct impl;
  impl& internals() { return *impl_; }

private:
  explicit state_store(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord
