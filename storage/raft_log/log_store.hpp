// The Raft log on LMDB (folder raft/ of the data directory): entries under big-endian indexes, term and vote, the point up to
// which the log was cut; in front of it a journal, which takes new entries in one synced write each time, until the database takes them over.
// Written with a sync before anything is acknowledged. One thread writes (the log writer); any thread may read what was
// committed.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/ids.hpp"
#include "runtime/base/latency_counts.hpp"
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

struct log_record { // kind is raft::entry_kind; storage does not interpret it
  raft_index index;
  raft_term term;
  uint8_t kind = 0;
  std::string_view payload;
};
struct stored_log_record {
  raft_index index;
  raft_term term;
  uint8_t kind = 0;
  std::string payload;
};

struct log_batch { // there as a whole or not at all
  std::optional<std::pair<raft_index, raft_term>> restore; // drop everything, start after this point
  // With restore: the index and payload of the configuration that holds at that point, for memberships().
  std::optional<std::pair<raft_index, std::string>> restore_members;
  // An operator's word in place of all configurations (recovery); holds at index 0, so that the next leader writes it down.
  std::optional<std::string> recover_members;
  std::vector<log_record> append;  // replaces all from append.front().index on
  std::optional<std::pair<raft_term, std::string>> hard; // term, vote
};

struct log_options {
  uint64_t journal_bytes = 4 << 20;  // of its file, a multiple of 4096; 0: none is made
  const std::atomic<bool>* full = nullptr; // see lmdb::environment_options
  // For the simulator: while it is true the power fails in every write to the journal, which leaves some of its sectors.
  const std::atomic<bool>* power_fails = nullptr;
  // Nothing of what is there is written, neither by the opening nor at the end, before accept(), or the first write, says that it is this
  // log that goes on: for a look at it, and for who may yet refuse it.
  bool on_trial = false;
};

class log_store {
public:
  static result<std::unique_ptr<log_store>> open(const std::string& path, const log_options& o = {});
  ~log_store(); // in order: the database has everything then

  // Somebody removed the file that is in use, or put another in its place. Every write is refused then: no start would read it.
  bool is_gone() const;

  // LMDB met what cannot be in its file. Called once, on the thread that met it, a reader's or the writer's; from then on nothing is written
  // any more, in the journal neither. To be set before there are threads.
  void on_damage(std::function<void(const std::string& what)> f);

  status accept(); // see log_options::on_trial; a full disk is no error, as at a start

  // Durable when it returns. An error (disk full …) means: nothing of the batch is there.
  status write(std::span<const log_batch> batches);
  // Has the database take over what the journal holds, which takes a transaction. wants_to_settle(): it holds as much as one should.
  // Both the writer's; write() does it by itself when the journal is full.
  status settle();
  bool wants_to_settle() const;
  bool is_settled() const;
  // Cuts entries up to and including `upto` in pieces of at most 1,000; each piece is its own transaction.
  status cut(raft_index upto);

  raft_index first_index() const; // compacted().first + 1
  raft_index last_index() const;
  std::pair<raft_index, raft_term> compacted() const; // the entry before the first
  std::pair<raft_term, std::string> hard_state() const;
  uint64_t bytes_since_cut() const; // payload bytes in the log, roughly; for the compaction policy
  uint64_t bytes_appended() const;  // since it was opened, whatever was cut; never lower than before
  uint64_t sync_count() const;
  latency_counts write_times() const; // of write(), since it was opened, for those who share the disk
  int64_t writes_since() const;       // when the write that is under way began (steady clock, us); 0: there is none

  result<raft_term> term(raft_index at) const;
  // The entries of kind 2 (configurations), ascending: all that are in the log, and before them the newest at or before
  // compacted(), if there was one. Kept in memory: costs their number, not the log's length.
  std::vector<stored_log_record> memberships() const;
  result<std::vector<stored_log_record>> entries(raft_index lo, raft_index hi, size_t max_bytes) const;

private:
  struct impl;
  explicit log_store(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord
