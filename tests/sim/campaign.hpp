// Many runs: seeds spread over threads, the gate's share, and the table of broken rules.
#pragma once
#include "tests/sim/scenario.hpp"
#include <string>
#include <vector>

namespace actord::sim {

struct campaign_result {
  uint64_t runs = 0, failures = 0, first_failure = 0; // first_failure: the lowest failing seed
  run_result failed;                                  // of that seed
  run_result total;                                   // the counters summed up
};

// Runs seeds [first.seed, first.seed + count), stopping after the first failure when asked to. Every run is by itself, so
// the result does not depend on the number of threads.
campaign_result run_seeds(const run_options& first, uint64_t count, bool stop_at_failure);

// The command line that replays one run.
std::string replay_line(const run_options& o);
// What the runs did, in words.
std::string describe(const run_result& totals);

struct mutation_row {
  raft::mutation broken;
  std::string_view scenario; // in which it shows
  std::string_view name, rule;
};
const std::vector<mutation_row>& mutations();

int gate();            // fixed seeds, then fresh ones; prints what fails
int show_mutations();  // at which seed each broken rule is found

} // namespace actord::sim
