#include "tests/sim/campaign.hpp"
#include "tests/sim/linearizability.hpp"
#include "tests/support/virtual_disk.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::sim;

namespace {
operation op(op_kind kind, uint32_t value, uint32_t seen, uint64_t invoked, uint64_t returned, uint32_t expected = 0) {
  return {kind, 0, value, expected, seen, invoked, returned};
}
constexpr size_t steps = 100000;
} // namespace

TEST_CASE("one seed gives one trace") {
  for (const auto& s : scenarios()) {
    for (const size_t nodes : {size_t{3}, size_t{5}}) {
      run_options o{.seed = 4711, .ticks = 400, .nodes = nodes, .faults = &s};
      const auto first = run_world(o), second = run_world(o);
      CHECK(first.ok);
      CHECK(first.trace_hash == second.trace_hash);
      o.seed = 4712;
      CHECK(run_world(o).trace_hash != first.trace_hash);
    }
  }
}

TEST_CASE("each rule, once broken, is found out within a thousand seeds of three servers") {
  for (const auto& m : mutations()) {
    CAPTURE(m.name);
    const run_options o{.seed = 1, .ticks = 1000, .nodes = 3, .faults = find_scenario(m.scenario), .broken = m.broken};
    CHECK(run_seeds(o, 1000, true).failures > 0);
  }
}

TEST_CASE("a read of the last value written is linearizable, a read of an overwritten one is not") {
  CHECK(check_key({op(op_kind::put, 5, 0, 1, 2), op(op_kind::get, 0, 5, 3, 4)}, steps) == verdict::linearizable);
  CHECK(check_key({op(op_kind::put, 5, 0, 1, 2), op(op_kind::put, 6, 0, 3, 4), op(op_kind::get, 0, 5, 5, 6)}, steps) ==
        verdict::violated);
  CHECK(check_key({op(op_kind::put, 5, 0, 1, 2), op(op_kind::get, 0, 0, 3, 4)}, steps) == verdict::violated);
}

TEST_CASE("operations that overlap may take effect in either order, but in one order for all") {
  const auto w1 = op(op_kind::put, 1, 0, 1, 10), w2 = op(op_kind::put, 2, 0, 2, 9);
  CHECK(check_key({w1, w2, op(op_kind::get, 0, 1, 11, 12)}, steps) == verdict::linearizable);
  CHECK(check_key({w1, w2, op(op_kind::get, 0, 2, 11, 12)}, steps) == verdict::linearizable);
  CHECK(check_key({w1, w2, op(op_kind::get, 0, 1, 11, 12), op(op_kind::get, 0, 2, 13, 14)}, steps) == verdict::violated);
}

TEST_CASE("an operation without an answer may have happened, late or never, but not before it was asked for") {
  const auto unknown = op(op_kind::put, 7, 0, 3, 0);
  CHECK(check_key({unknown, op(op_kind::get, 0, 7, 20, 21)}, steps) == verdict::linearizable);
  CHECK(check_key({unknown, op(op_kind::get, 0, 0, 20, 21)}, steps) == verdict::linearizable);
  CHECK(check_key({unknown, op(op_kind::get, 0, 7, 1, 2)}, steps) == verdict::violated);
  CHECK(check_key({unknown, op(op_kind::get, 0, 7, 20, 21), op(op_kind::get, 0, 0, 22, 23)}, steps) ==
        verdict::violated);
}

TEST_CASE("two compare-and-sets of one value cannot both win") {
  const auto base = op(op_kind::put, 1, 0, 1, 2);
  CHECK(check_key({base, op(op_kind::cas, 2, 1, 3, 10, 1), op(op_kind::cas, 3, 1, 4, 9, 1)}, steps) ==
        verdict::violated);
  CHECK(check_key({base, op(op_kind::cas, 2, 1, 3, 10, 1), op(op_kind::cas, 3, 2, 4, 9, 1)}, steps) ==
        verdict::linearizable);
}

TEST_CASE("a disk keeps what was synced and forgets some of the rest") {
  size_t kept_part = 0, lost_all = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    test::virtual_disk<int> disk;
    const auto entry_at = [](uint64_t i) {
      raft::entry e;
      e.index = raft_index{i};
      e.term = raft_term{1};
      return e;
    };
    disk.submit({1, {}, {entry_at(1)}, raft::hard_state{raft_term{1}, "a"}});
    disk.submit({2, {}, {entry_at(2), entry_at(3)}, {}});
    CHECK(disk.sync(1) == 1);
    prng random(seed);
    disk.crash(random);
    CHECK(disk.last().v >= 1);
    CHECK(disk.stored().hard.vote == "a");
    kept_part += disk.last().v == 2;
    lost_all += disk.last().v == 1;
  }
  CHECK(kept_part > 0);
  CHECK(lost_all > 0);
}
