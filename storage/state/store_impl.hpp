// The inside of state_store, for the files of this folder.
#pragma once
#include "storage/state/boot_mark.hpp"
#include "storage/state/digest_memory.hpp"
#include "storage/state/digest_record.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/store.hpp"
#include "storage/state/template_cache.hpp"
#include "storage/state/writing.hpp"
#include <atomic>
#include <functional>
#include <mutex>

namespace actord {

// The live database. install_snapshot replaces it; who reads the old one keeps it until then.
struct live_database {
  std::unique_ptr<lmdb::environment> env;
  state::tables t;
  // For the thread that applies: what the tables hold, or, while it is not complete, how that has changed since some moment.
  lmdb::content_sums sums;
  std::vector<unsigned> numbers; // of the counted tables, in the order of the digest
  bool complete = false;
  uint64_t format = 0, level = 1; // level: of the newest command in it
};

struct state_store::impl {
  store_options options;
  std::string boot_id;
  std::shared_ptr<live_database> db; // the thread that applies reads it freely, others by current()
  std::mutex swapping;
  std::atomic<uint64_t> generation{0}; // counts replacements of db
  std::atomic<uint64_t> applied{0};
  std::atomic<uint64_t> level{1}; // the live database's
  std::atomic<uint64_t> snapshot{0};
  lock_delays delays;
  std::mutex snapshotting; // one snapshot at a time
  digest_memory digests;
  state::template_cache templates;
  std::string adopted_path; // the newest file of another server that was read through, guarded by snapshotting
  state::verified_state adopted;
  std::mutex finding;      // guards what follows
  std::optional<state::digest_record> missing; // a walk's, to be added to the sums with the next entries
  uint64_t missing_for = 0;                    // the generation that it belongs to
  std::atomic<bool> has_missing{false};
  std::string damage;
  std::function<void(const std::string&)> on_damage;
  void report_damage(const error& e) { note_damage(e.text); } // a read or a write met it, on whichever thread
  std::atomic<bool> damaged{false}, disagrees{false};

  std::shared_ptr<live_database> current() {
    std::lock_guard lock(swapping);
    return db;
  }
  result<std::shared_ptr<live_database>> open_tables(const std::string& folder);
  status find_base();
  status rebuild(const std::string& why, bool is_damaged, bool differs = false);
  status set_aside(); // everything
  // integrity.cpp
  status begin_digest(live_database& d, lmdb::transaction& txn); // also tells the applied index
  void hand(std::optional<state::digest_record> found, uint64_t of_generation);
  bool take_missing(lmdb::transaction& txn); // true: the sums are complete from here on
  static std::string digest_of(const lmdb::content_sums& sums, const live_database& d, uint64_t index, bool complete);
  uint64_t save_digest(lmdb::transaction& txn, live_database& d, uint64_t index, bool complete); // its fingerprint
  void note_damage(const std::string& what, bool of_others = false);
  status room_for_copy(); // for another snapshot
  result<raft_index> adopt(const std::string& path, std::string_view suffix);
  status take_arrived(bool settled); // at the start; settled: those that are of no use go
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
result<std::vector<snapshot_file>> list_snapshots(const std::string& folder); // newest first; an error: which there are is not known
void remove_snapshots_before(const std::string& folder, raft_index index);
std::string snapshot_path(const std::string& folder, raft_index index);
inline constexpr std::string_view arrived_suffix = ".arrived"; // of one that the log was not restored to yet
inline constexpr std::string_view damaged_suffix = ".damaged"; // of one that is kept until there is another one
// What a copy holds, read as a whole. An error when it is damaged, no state, or one of a newer version.
result<verified_state> verify_copy(const std::string& file);
error newer_commands(const std::string& what, uint64_t level); // the error of that
inline constexpr uint64_t format_version = 1;

} // namespace state
} // namespace actord
