// Majorities (paper 5.2 for votes, 5.3 for commit). Checked against a dumb twin in quorum_test.
#pragma once
#include "actors/raft/core/types.hpp"
#include <map>

namespace actord::raft {

inline size_t majority_of(size_t voters) { return voters / 2 + 1; }

// The largest number that a majority of `reached` has reached or passed; 0 for nobody. Sorts its argument.
uint64_t quorum_reached(std::vector<uint64_t>& reached);

enum class vote_outcome : uint8_t { pending, won, lost };

// Votes of one election. A second answer of the same voter does not count; answers of strangers neither.
class vote_tally {
public:
  void clear() { answers_.clear(); }
  void record(const server_id& from, bool granted) { answers_.emplace(from, granted); }
  vote_outcome outcome(const membership& m) const;

private:
  std::map<server_id, bool> answers_;
};

} // namespace actord::raft
