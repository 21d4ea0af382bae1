#include "actors/raft/core/quorum.hpp"
#include <algorithm>

namespace actord::raft {

uint64_t quorum_reached(std::vector<uint64_t>& reached) {
  if (reached.empty()) return 0;
  // With n values in descending order, the one at n/2 is reached by n/2 + 1 of them.
  auto at = reached.begin() + static_cast<std::ptrdiff_t>(reached.size() / 2);
  std::nth_element(reached.begin(), at, reached.end(), std::greater<>());
  return *at;
}

vote_outcome vote_tally::outcome(const membership& m) const {
  size_t yes = 0, no = 0;
  for (const auto& voter : m.voters) {
    if (auto it = answers_.find(voter); it != answers_.end()) ++(it->second ? yes : no);
  }
  const size_t need = majority_of(m.voters.size());
  if (yes >= need) return vote_outcome::won;
  if (m.voters.size() - no < need) return vote_outcome::lost;
  return vote_outcome::pending;
}

} // namespace actord::raft
