// The clever selection against a dumb twin that counts.
#include "actors/raft/core/quorum.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {
uint64_t counted_quorum(const std::vector<uint64_t>& reached) {
  uint64_t best = 0;
  for (uint64_t candidate : reached) {
    size_t there = 0;
    for (uint64_t r : reached) there += r >= candidate;
    if (there * 2 > reached.size() && candidate > best) best = candidate;
  }
  return best;
}
} // namespace

TEST_CASE("the index that a majority has reached is what counting finds") {
  prng random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint64_t> reached(random.below(10));
    for (auto& r : reached) r = random.below(12);
    const auto expected = counted_quorum(reached);
    REQUIRE(quorum_reached(reached) == expected);
  }
}

TEST_CASE("an election is won with a majority, lost when none is possible any more, open otherwise") {
  prng random(8);
  for (int round = 0; round < 20000; ++round) {
    membership m;
    const size_t size = random.between(1, 9);
    for (size_t i = 0; i < size; ++i) m.voters.push_back("s" + std::to_string(i));
    m.learners = {"l"};
    vote_tally votes;
    votes.record("l", true);
    votes.record("stranger", true);
    size_t yes = 0, no = 0;
    for (const auto& v : m.voters) {
      if (random.chance(0.3)) continue;
      const bool granted = random.chance(0.6);
      votes.record(v, granted);
      votes.record(v, !granted); // a second answer counts for nothing
      ++(granted ? yes : no);
    }
    const auto expected = 2 * yes > size               ? vote_outcome::won
                          : 2 * (size - no) > size ? vote_outcome::pending
                                                     : vote_outcome::lost;
    REQUIRE(votes.outcome(m) == expected);
  }
}
