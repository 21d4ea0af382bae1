// The configurations that a server's log holds. The one in force is the newest, committed or not (thesis 4.1); when a
// conflict cuts the log the one before takes its place again. While there is none, the bootstrap configuration holds.
#pragma once
#include "actors/raft/core/types.hpp"
#include <deque>

namespace actord::raft {

class configurations {
public:
  configurations(membership bootstrap, const std::vector<std::pair<raft_index, membership>>& stored)
      : bootstrap_(std::move(bootstrap)), known_(stored.begin(), stored.end()) {}

  const membership& current() const { return known_.empty() ? bootstrap_ : known_.back().second; }
  raft_index index() const { return known_.empty() ? raft_index{} : known_.back().first; }
  // The newest one whose entry is at or before `at`; null when the log held none by then.
  const std::pair<raft_index, membership>* at(raft_index at) const;

  // What is in force for a log that ends there.
  const membership& before(raft_index last) const {
    const auto* found = at(last);
    return found ? found->second : bootstrap_;
  }

  void set_bootstrap(membership m) { bootstrap_ = std::move(m); }
  void append(raft_index at, membership m) { known_.emplace_back(at, std::move(m)); }
  // Entries from `from` on are gone. True when that changed the configuration in force.
  bool truncate(raft_index from);
  // A snapshot took the place of the log: `m` held there.
  void reset(std::optional<std::pair<raft_index, membership>> m);
  // Entries up to `upto` are inside a snapshot: of the configurations there only the newest is of use.
  void compact(raft_index upto);

private:
  membership bootstrap_;
  std::deque<std::pair<raft_index, membership>> known_; // ascending
};

// How many voters one of them has and the other has not. Two majorities of configurations that differ by one voter
// have a server in common (thesis 4.1).
size_t voters_changed(const membership& from, const membership& to);

// Has a server whose configuration names `theirs` a log of another cluster than ours? Two configurations of one cluster have a server in
// common, unless all were replaced while it was away. Whoever has none yet, or has lost it, belongs to nobody.
bool is_of_another_cluster(const membership& ours, const std::vector<server_id>& theirs);

// Is every server named, and named once, and is there a voter?
bool is_sound(const membership& m);

} // namespace actord::raft
