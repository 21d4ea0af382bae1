// Do this server and the others make the same state of the same log? Raft promises equal logs, not that what is made of them is
// equal: a fault of memory, of the disk or of the program shows nowhere else. Servers tell one another digests of their states at
// some indexes, and each judges about itself alone.
#pragma once
#include "actors/raft/core/types.hpp"
#include <map>
#include <optional>
#include <vector>

namespace actord::raft {

struct digest_point {
  raft_index index;
  uint64_t value = 0; // never 0
};

enum class agreement : uint8_t {
  unknown,  // no index in common, or too few answers to say
  agrees,   // a majority of the voters has the same
  differs,  // a majority of the voters has something else, in which they agree
  disputed, // somebody has something else, and no majority says who is right
};

struct comparison {
  agreement found = agreement::unknown;
  raft_index at;                  // differs, disputed: where
  uint64_t own = 0, other = 0;
  std::vector<server_id> holders; // of `other`
};

// `said`: what other servers answered; only voters of `members` count. The newest index decides: once two states are equal, so is all
// that is made of them.
comparison compare(const membership& members, const server_id& self, const std::vector<digest_point>& own, const std::map<server_id, std::vector<digest_point>>& said);

// When to ask; times are milliseconds of any steady clock. Nothing is asked while nothing is written and all have agreed.
class comparison_plan {
public:
  struct options {
    uint64_t every = 8192;      // entries
    int64_t interval_ms = 10'000; // between two rounds, when fewer were written
    int64_t shortest_ms = 1'000;  // between any two
  };
  explicit comparison_plan(options o) : options_(o) {}

  void met() { reason_ = true; } // a server has come (back)
  bool due(int64_t now, raft_index applied) const;
  void begin(int64_t now, raft_index applied);
  void ended(bool everybody_agreed) { settled_ = everybody_agreed; }

private:
  options options_;
  std::optional<int64_t> begun_;
  raft_index applied_;   // at the last round
  bool reason_ = true, settled_ = false;
};

} // namespace actord::raft
