#pragma once
// CATALOGUE of what is measured, with the targets that the project set itself against the real Consul.

#include "tests/bench/load.hpp"
#include "tests/bench/server_process.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace actord::bench {

struct bench_options {
  double seconds = 2;          ///< Of one load.
  int rounds = 3;              ///< Loads per server and case; figures are medians over them.
  std::uint64_t keys = 1'000'000; ///< In the store that is restarted.
};

/// What one run of one case found: a name and a figure each. Loads give "req/s", "p50 us", "p99 us", "cpu us/req".
using figures = std::map<std::string, double>;

enum class target_kind : std::uint8_t {
  at_least_times, ///< ours / oracle >= bound
  at_most_times,  ///< ours / oracle <= bound
  at_most,        ///< ours <= bound
};

struct target {
  std::string figure;
  target_kind kind;
  double bound;
};

struct bench_case {
  std::string name;
  std::string group; ///< Cases of one group share a server; another group begins with fresh ones.
  int most_rounds;   ///< For what is slow, or can be done once only.
  std::vector<target> targets;
  /// Fills the server; called once per server.
  std::function<void(server_process&, const bench_options&)> prepare;
  /// One round; `round` counts from 0.
  std::function<figures(server_process&, const bench_options&, int round)> run;
  /// Whether figures need a server that was started by us (a restart, say).
  bool needs_own_server = false;
};

/// All cases in the order in which they run.
std::vector<bench_case> all_cases();

/// Parts of the catalogue, each in a file of its own.
void add_load_cases(std::vector<bench_case>& cases);
void add_process_cases(std::vector<bench_case>& cases);

/// Runs a load and adds the CPU that the server used for it; throws std::runtime_error when answers were failures.
figures measured(server_process& server, const std::function<load_result()>& load);

} // namespace actord::bench
