// The replicated state on LMDB: opened at the start, written by the state actor only, read by everybody through readers.
// Not synced per commit: a crash of the process loses nothing (the pages are the kernel's); after a crash of the machine
// it is thrown away and rebuilt from the last durable snapshot and the log (README, Decisions).
#pragma once
#include "runtime/base/error.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/model/changes.hpp"
#include "storage/state/read_view.hpp"
#include <atomic>
#include <functional>
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

// What the state holds, as a number: equal on all servers that have applied as much. 0: not known (yet).
struct state_digest {
  raft_index index;
  uint64_t value = 0;
};
inline constexpr uint64_t digest_interval = 8192; // the digest at every multiple is remembered, wherever a batch ends

struct store_options {
  std::string path;            // the folder state/ of the data directory; created when absent
  std::string datacenter = "dc1";
  bool keep_history = false;
  // The log's two ends. What lies before `least_applied` can no longer be replayed: a state older than that is rebuilt
  // from a durable snapshot, or opening fails. A snapshot beyond `most_applied` is not
  // used: the log would have a gap behind it.
  raft_index least_applied{0};
  raft_index most_applied{UINT64_MAX};
  // What is there goes aside and the state begins empty: other servers are to bring all of it (runtime/node/damaged_state).
  bool begin_empty = false;
  const std::atomic<bool>* full = nullptr; // see lmdb::environment_options
  // Told how far the database had got, by what is left of it (0: nothing says so any more), before it is thrown away and rebuilt. An error
  // ends the opening with nothing changed. Nothing is applied that is not durable in the log: one that ends before it has lost something.
  std::function<status(raft_index reached)> before_rebuild = {};
};

class lock_delays; // lock_delays.hpp

// Asked before each piece of a copy: how many bytes of it the disk has, and how many come next. It comes back when they may go.
using copy_turn = std::function<void(uint64_t there, uint64_t next)>;

class state_store {
public:
  // Opens or creates. Recognises that the machine crashed since (boot id, clean mark), or that the file is damaged, rebuilds
  // from the newest durable snapshot beside it that is whole, and says so in the log. The Raft log is replayed from
  // applied_index() by the caller. Where snapshots and log do not reach, it is an error and nothing is touched.
  static result<std::unique_ptr<state_store>> open(store_options o);
  ~state_store(); // marks a clean stop after a sync

  raft_index applied_index() const;
  unsigned command_level() const; // of the newest command that is applied; who reads less cannot open this state, nor take a copy

  // Applies consecutive entries in one write transaction; results[i] belongs to entries[i]. Never called by two threads
  // at once. An error (disk full, map full beyond growth) leaves the state as it was: the caller retries or stops.
  result<change_set> apply(std::span<const log_command> entries, std::vector<apply_result>& results);

  // Writes a durable snapshot (a compacted copy, synced, read through, renamed into place) from a read transaction, without
  // holding up writes. Returns the index that it contains: the log may be cut up to there. Called from another thread than apply.
  // turn: whoever shares the disk has a say in how fast; none: as fast as it goes, in this thread.
  result<raft_index> write_snapshot(const copy_turn& turn = {});
  // Reads the newest durable snapshot through. One that is damaged (errc::corrupt) does not count any more: write another one.
  status verify_snapshot();
  raft_index snapshot_index() const; // of the newest durable snapshot, 0 when there is none
  // Its file, "" when there is none. The name says the index, and the file is never written to again: who has it open
  // may go on reading while newer ones take its place (it is only unlinked).
  std::string snapshot_path() const;

  // Another server's durable snapshot takes the place of the whole state. Two steps, because the log is restored to
  // (index, term) between them, and a crash at any moment must leave something that opens (see least_applied and
  // most_applied):
  //   adopt_snapshot   checks the file (an error with errc::corrupt when it is none of ours), moves it beside the durable
  //                    snapshots (arrived_path), synced, and gives the index that it holds. It becomes one of them by
  //                    being installed, or at the next start if the log was restored to it. Called by any thread.
  //   install_snapshot does that and then replaces the state by it, at once and for all readers; views that are open
  //                    stay as they are. Called by the thread that applies. The change set says `everything`, or nothing
  //                    when the state was as new already.
  result<raft_index> adopt_snapshot(const std::string& path);
  std::string arrived_path(raft_index index) const;
  result<change_set> install_snapshot(const std::string& path);

  state_digest digest() const; // of what is applied
  uint64_t digest_at(raft_index index) const; // 0 when it is not remembered
  // Those that are: the newest ones, and before them those at multiples of digest_interval. Two servers' are compared only if both
  // say the same of what they sum up and of who applies.
  std::vector<state_digest> digests() const;
  static const std::string& digest_kind();
  // The state is damaged: `what` says where. Marked on disk, so that the next open rebuilds it; until then nothing is copied from
  // it or applied to it. Whoever was set is told, once. Any thread.
  void note_damage(const std::string& what);
  // The same, where other servers' states say so: the next open does not believe its snapshots either.
  void note_difference(const std::string& what);
  bool is_damaged() const;
  std::string damage() const;
  void on_damage(std::function<void(const std::string& what)> f); // before there are threads

  // Begun and noted by who applies, asked by the leader before it proposes.
  lock_delays& delays();

  struct impl;
  impl& internals() { return *impl_; }

private:
  explicit state_store(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord
