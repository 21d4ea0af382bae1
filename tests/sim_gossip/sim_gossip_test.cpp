#include "tests/sim_gossip/scenario.hpp"
#include <cmath>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::sim_gossip;
using namespace std::chrono_literals;
using gossip::node_state;

namespace {

bool all_alive(pool& p) {
  for (uint32_t n = 0; n < p.size(); ++n) {
    if (p.count_seeing(n, node_state::alive) != p.size()) return false;
  }
  return true;
}

// Cuts the pool into halves, or mends it.
void part(pool& p, bool cut) {
  const auto half = static_cast<uint32_t>(p.size() / 2);
  for (uint32_t a = 0; a < half; ++a) {
    for (auto b = half; b < p.size(); ++b) cut ? p.cut(a, b) : p.mend(a, b);
  }
}

} // namespace

TEST_CASE("one seed gives one run") {
  const auto trace = [](uint64_t seed) {
    return measure_crashes({.seed = seed, .nodes = 20, .crashes = 2, .at_most = 20s}).counts.trace;
  };
  CHECK(trace(5) == trace(5));
  CHECK(trace(5) != trace(6));
}

TEST_CASE("rounds until all know grow as the logarithm of the cluster") {
  const auto small = measure_spread(10, 1, 20), large = measure_spread(160, 1, 10);
  CHECK(small.reached_all);
  CHECK(large.reached_all);
  CHECK(large.mean_rounds / std::log2(160.0) < 2 * small.mean_rounds / std::log2(10.0));
}

TEST_CASE("with Lifeguard every crash is noticed in time and no healthy node is declared dead, with 5 % loss and a stalled tenth") {
  for (const uint64_t seed : {uint64_t{1}, uint64_t{2}}) {
    const auto row = measure_crashes({.seed = seed, .nodes = 80, .crashes = 4, .at_least = 100s});
    const auto b = bound_of(gossip::settings::lan(), 80, 0.9);
    CHECK(row.unnoticed == 0);
    CHECK(row.first_worst <= b.first);
    CHECK(row.all_worst <= b.all);
    CHECK(row.counts.stalls > 20);
    CHECK(row.counts.false_deaths == 0);
    CHECK(row.counts.false_departures == 0);
  }
}

TEST_CASE("without Lifeguard stalled nodes declare healthy ones dead") {
  uint64_t dead = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) dead += measure_crashes({.seed = seed, .nodes = 80, .crashes = 0, .lifeguard = false, .at_least = 100s}).counts.false_deaths;
  CHECK(dead > 0);
}

TEST_CASE("nodes that join one after the other through one of them are all known to all") {
  pool p({.seed = 3, .nodes = 30, .loss = 0.05});
  for (uint32_t n = 1; n < 30; ++n) {
    p.join(n, 0);
    p.run_for(100ms);
  }
  CHECK(p.run_until(60s, [&] { return all_alive(p); }));
}

TEST_CASE("whoever leaves has left for all and has not failed for anybody") {
  pool p({.seed = 4, .nodes = 30, .loss = 0.05});
  p.acquaint_all();
  for (const uint32_t n : {3u, 14u}) p.leave(n);
  CHECK(p.run_until(20s, [&] { return p.all_departures_noticed(); }));
  for (const uint32_t n : {3u, 14u}) {
    CHECK(p.count_seeing(n, node_state::left) >= 29); // who has left itself is told nothing more
    CHECK(p.count_seeing(n, node_state::dead) == 0);
    p.crash(n);
  }
  p.run_for(30s);
  CHECK(p.counts().false_deaths == 0);
}

TEST_CASE("a crashed node that comes back empty-handed is alive again for all once it has joined") {
  pool p({.seed = 5, .nodes = 20});
  p.acquaint_all();
  p.crash(7);
  REQUIRE(p.run_until(90s, [&] { return p.all_departures_noticed(); }));
  p.start(7);
  p.join(7, 2);
  CHECK(p.run_until(20s, [&] { return p.count_seeing(7, node_state::alive) == 20; }));
}

TEST_CASE("a partition of two seconds kills nobody") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    pool p({.seed = seed, .nodes = 20});
    p.acquaint_all();
    part(p, true);
    p.run_for(2s);
    part(p, false);
    CHECK(p.run_until(60s, [&] { return all_alive(p); }));
    CHECK(p.counts().false_deaths == 0);
  }
}

TEST_CASE("after a long partition one exchange across it brings all back to all") {
  pool p({.seed = 8, .nodes = 20});
  p.acquaint_all();
  part(p, true);
  REQUIRE(p.run_until(120s, [&] { return p.core(0).find("n15")->state == node_state::dead; }));
  p.run_for(10s);
  part(p, false);
  p.join(0, 15);
  CHECK(p.run_until(60s, [&] { return all_alive(p); }));
}
