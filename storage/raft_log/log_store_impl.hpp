// What log_store.cpp (opening, reading) and log_writes.cpp share.
//
// Two positions are kept: what the database's record says (`taken`), and that with the entries of the journal on top (`now`). They differ only
// in entries behind taken.last: whatever else changes (the cut, term and vote, configurations, a conflict with entries that
// are there) goes through the database at once, in a transaction that takes over the journal as well.
//
// The database's record names the journal's generation, so that one transaction takes entries over and ends what stands in the journal. From an
// error on, the journal is not written until such a transaction has succeeded: nobody knows then which record a crash would leave.
#pragma once
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/raft_log/journal_file.hpp"
#include "storage/raft_log/log_format.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <array>
#include <deque>
#include <mutex>

namespace actord {

// What the meta table's record says, and what follows from the entries.
struct log_position {
  raft_index first; // of the log; last + 1 when it is empty
  raft_index last;
  raft_term last_term;
  raft_index cut_index;
  raft_term cut_term;
  raft_term term;
  std::string vote;
  uint64_t bytes = 0;
  // What the members table holds; replaced as a whole when that changes, which is rare.
  std::shared_ptr<const std::vector<stored_log_record>> members = std::make_shared<std::vector<stored_log_record>>();
};

struct big_endian_key {
  char bytes[8];
  explicit big_endian_key(raft_index i) { lmdb::store_be64(bytes, i.v); }
  std::string_view view() const { return {bytes, 8}; }
};

log_record entry_of(const lmdb::cursor& c); // raises lmdb::failure, like the next
raft_index index_of(const lmdb::cursor& c);

struct recent_entry { // in the journal
  std::shared_ptr<const std::string> content; // of its batch
  std::string_view value;                     // as log_format has it
  raft_term term;
  uint8_t kind = 0;
  std::string_view payload() const { return value.substr(log_format::header_bytes); }
};

struct log_store::impl {
  std::string path;
  log_options options;
  std::unique_ptr<lmdb::environment> env;
  std::pair<uint64_t, uint64_t> file_id; // device and inode of data.mdb
  unsigned entries = 0, meta = 0;
  unsigned members = 0; // copies of the entries of membership_kind, and the newest of those that were cut
  std::atomic<uint64_t> syncs{0}, appended{0};
  std::array<std::atomic<uint64_t>, latency_counts::buckets> took{}; // writes, by how long they took
  std::atomic<int64_t> writing_since{0};
  mutable std::mutex position_lock; // of what follows; held for moments only. The writer alone changes it
  log_position now, taken;
  std::deque<recent_entry> recent;             // from taken.last + 1 on
  std::optional<log_format::journal_mark> mark; // as the database's record has it

  mutable std::atomic<bool> is_damaged{false};
  std::function<void(const std::string&)> on_damage;

  // The writer's.
  bool on_trial = true;       // nothing may be written yet
  bool journal_sound = false; // as it was found: it can be written further
  bool vote_owed = false; // the file vote says what was before this start
  std::unique_ptr<journal_file> journal;
  bool trusted = false;      // what is written into the journal, under `mark`, will be found
  uint64_t journal_used = 0; // bytes
  uint32_t journal_number = 1; // of the next batch
  uint64_t next_generation = 0;
  size_t recent_bytes = 0;
  unsigned tries_later = 0; // transactions until a journal is made again

  mutable std::mutex reader_lock; // the one read transaction that all reading threads share in turn
  mutable lmdb::transaction reading;

  log_position snapshot() const {
    std::lock_guard lock(position_lock);
    return now;
  }
  void note(const error& e) const; // of LMDB
  status still_there() const;      // the file that is written has its name
  // log_store.cpp
  void load();
  void reserve();
  void check_entries(const lmdb::transaction& txn, log_position& p);
  status replay(); // the journal, into `recent`
  status replay_batch(std::string_view content);
  bool replay_entry(const std::shared_ptr<const std::string>& content, const log_record& r, std::string_view value);
  status begin_writing();
  status settle_at_start();
  status agree_with_vote(const std::optional<vote_record>& kept);
  status keep_vote(const log_position& p, bool closing) const;
  void read_members(const lmdb::transaction& txn, log_position& p) const;
  lmdb::transaction& read() const {
    if (reading) reading.resume();
    else reading = lmdb::transaction::read(*env);
    return reading;
  }
  struct span { // what is asked for
    raft_index lo, hi;
    size_t max_bytes = 0;
  };
  // False: the database is not any more (or not yet) as it was when `mark` was looked at.
  result<bool> read_taken(const span& s, const std::optional<log_format::journal_mark>& as, std::vector<stored_log_record>& out, size_t& bytes) const;

  // log_writes.cpp
  status may_write();
  std::optional<size_t> journal_takes(std::span<const log_batch> batches) const; // bytes of content
  bool write_journal(std::span<const log_batch> batches, size_t bytes);
  void make_journal();
  status write_through(std::span<const log_batch> batches, bool closing = false);
  void transact(std::span<const log_batch> batches, bool closing, log_position& next, std::optional<log_format::journal_mark>& next_mark);
  status cut(raft_index upto);
  void put(lmdb::transaction& txn, unsigned table, const log_record& r);
  void take_over(lmdb::transaction& txn, log_position& p);
  void forget_members(lmdb::transaction& txn, log_position& p);
  void remove_from(lmdb::transaction& txn, raft_index from, log_position& p);
  void begin_at(lmdb::transaction& txn, const log_batch& b, log_position& p);
  void append(lmdb::transaction& txn, const std::vector<log_record>& records, log_position& p);
  void apply(lmdb::transaction& txn, const log_batch& b, log_position& p);
  void cut_piece(lmdb::transaction& txn, raft_index upto, log_position& p);
  void save(lmdb::transaction& txn, const log_position& p, const std::optional<log_format::journal_mark>& m);
};

} // namespace actord
