// What is measured in a pool, and the bounds that the formulas give for it.
#pragma once
#include "tests/sim_gossip/pool.hpp"

namespace actord::sim_gossip {

// How many rounds of gossip news take from one node to all.
struct spread_row {
  size_t nodes = 0;
  double mean_rounds = 0, worst_rounds = 0;
  bool reached_all = true;
};
spread_row measure_spread(size_t nodes, uint64_t seed, int samples);

struct crash_options {
  uint64_t seed = 1;
  size_t nodes = 100, crashes = 5;
  double loss = 0.05;
  double stalled = 0.1; // share of the nodes that again and again do not run for 2 to 20 seconds
  bool lifeguard = true;
  nanos at_least = std::chrono::seconds(60);  // from the first crash on, even if all is noticed by then
  nanos at_most = std::chrono::seconds(120);
};
struct crash_row {
  double first_median = 0, first_worst = 0; // seconds from a crash to the first healthy node that declares it
  double all_median = 0, all_worst = 0;     // to the last
  size_t unnoticed = 0;
  pool_counts counts;
  uint64_t suspicions = 0; // raised by anybody, crashed ones included
};
crash_row measure_crashes(const crash_options& o);

// After how long at most a crash is known to the first, and to all healthy nodes (actors/gossip/swim.md):
// somebody's turn to probe it comes, the probe ends, the suspicion runs its most time, and the news spread. The first
// and the last part are random; they are exceeded once in a million crashes.
struct detection_bound {
  double first = 0, all = 0; // seconds
};
detection_bound bound_of(const gossip::settings& s, size_t nodes, double running_share);

} // namespace actord::sim_gossip
