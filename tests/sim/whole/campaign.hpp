// Many runs of whole nodes, the gate's share, and the table of broken rules.
#pragma once
#include "tests/sim/whole/run.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace actord::sim::whole {

struct campaign_result {
  uint64_t runs = 0, failures = 0, first_failure = 0; // first_failure: the lowest failing seed
  run_result failed, total;
  std::vector<uint64_t> failing;
};

// Seeds [first.seed, first.seed + count). Every run is by itself, so the result does not depend on the number of threads.
campaign_result run_seeds(const run_options& first, uint64_t count, bool stop_at_failure);

struct mutation_row {
  rule broken;
  raft::mutation core_broken;
  std::string_view name, text;
  bool plain = false; // found by the first few seeds
  std::string_view found_as = {}; // what the failure must say; "": anything
  uint32_t agents = 0;            // client agents of the runs
  bool upgrades = false;          // runs with upgrades
  uint64_t from = 1;              // the seed to begin with: where it was found last, so that the gate need not look at those before
};
run_options broken_run(const mutation_row& row);
const std::vector<mutation_row>& mutations();

int gate();
int show_mutations();
// The command line after `sim --whole`.
int main_of(int argc, char** argv);

} // namespace actord::sim::whole
