// The log as the core sees it: a tail in memory, the rest on disk behind a log_reader. The tail holds all that is not yet
// durable, and of the durable entries as many as max_tail_bytes allows, for followers and for applying; whatever is
// before the tail is durable. Reads of the disk can fail; the error goes up to the caller.
#pragma once
#include "actors/raft/core/types.hpp"
#include <deque>

namespace actord::raft {

class entry_log {
public:
  entry_log(log_reader& reader, const stored_state& stored);
  // Reads the last entry's term; call once before anything else.
  status load();

  raft_index last_index() const { return last_; }
  raft_index stable_index() const { return stable_; }
  raft_index handed_index() const { return handed_; }
  const log_point& compacted() const { return compacted_; }
  size_t tail_bytes() const { return tail_bytes_; }
  // Is the entry in memory? Others are read back from the disk.
  bool in_tail(raft_index i) const { return !tail_.empty() && i >= tail_.front().index && i <= last_; }

  // The term of an entry in [compacted().index, last_index()]; an error outside of it or when the disk fails.
  result<raft_term> term(raft_index at) const;
  raft_term last_term() const { return last_term_; }
  // Is there an entry with this index and term? The compaction point counts as one.
  result<bool> matches(raft_index at, raft_term term) const;

  // The largest index of at most `at` whose term is at most `term`: where two logs may still agree (paper 5.3, end).
  // May stop early at a larger index than the true one, which costs a round trip and no safety.
  result<raft_index> floor_of(raft_index at, raft_term term) const;

  // Consecutive entries from lo, at least one if lo is there, until one of the bounds is passed.
  result<std::vector<entry>> slice(raft_index lo, raft_index hi, size_t max_entries, size_t max_bytes) const;

  // Puts an entry with index last_index() + 1 behind the last.
  void append(entry e);
  // Forgets everything from `from` on (a conflict with the leader's log). Never below the compaction point.
  status truncate(raft_index from);
  // Starts over after a snapshot.
  void reset(log_point at);

  // Entries not yet handed to the log writer; marks them as handed.
  std::vector<entry> take_unwritten();
  bool has_unwritten() const { return handed_ < last_; }
  void set_stable(raft_index upto);
  // The disk has no entries up to `upto` any more.
  void set_compacted(log_point upto);
  // Drops durable entries of at most `upto` from memory while there are more bytes than allowed.
  void trim(raft_index upto, size_t max_bytes);
  // Clears the cookies of entries after `after` and calls f for each that was not 0.
  template <class F> void take_cookies(raft_index after, F f) {
    for (auto& e : tail_) {
      if (e.index > after && e.cookie != 0) {
        f(e.cookie);
        e.cookie = 0;
      }
    }
  }

private:
  const entry& tail_at(raft_index i) const { return tail_[i.v - tail_.front().index.v]; }

  log_reader& reader_;
  std::deque<entry> tail_; // ends at last_
  size_t tail_bytes_ = 0;
  log_point compacted_;
  raft_index last_;
  raft_term last_term_;
  raft_index stable_; // durable up to here
  raft_index handed_; // given to the log writer up to here
};

} // namespace actord::raft
