#include "tests/sim/whole/campaign.hpp"
#include "tests/sim/whole/history.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::sim;
using namespace actord::sim::whole;

namespace {

constexpr size_t steps = 100000;

whole::operation one(verb what, uint8_t key, uint32_t number, bool done, uint64_t invoked, uint64_t returned, uint32_t expected = 0) {
  whole::operation o;
  o.steps[0].what = what;
  o.steps[0].key = key;
  (what == verb::get ? o.steps[0].seen : o.steps[0].value) = number;
  o.steps[0].expected = expected;
  o.done = done;
  o.invoked = invoked;
  o.returned = returned;
  return o;
}
whole::operation both(whole::operation a, const whole::operation& b) {
  a.in_transaction = true;
  a.count = 2;
  a.steps[1] = b.steps[0];
  return a;
}
verdict judge(std::vector<whole::operation> h) { return check(h, steps).worst; }

} // namespace

TEST_CASE("a read that sees an older value than one before it is no order") {
  CHECK(judge({one(verb::set, 0, 1, true, 1, 2), one(verb::set, 0, 2, true, 3, 4), one(verb::get, 0, 2, true, 5, 6)}) == verdict::linearizable);
  CHECK(judge({one(verb::set, 0, 1, true, 1, 2), one(verb::set, 0, 2, true, 3, 4), one(verb::get, 0, 1, true, 5, 6)}) == verdict::violated);
}

TEST_CASE("a refused compare-and-set may be owed to a write that nobody was told of, and to nothing else") {
  const auto refused = one(verb::cas, 0, 3, false, 5, 6, 1);
  CHECK(judge({one(verb::set, 0, 1, true, 1, 2), one(verb::set, 0, 2, true, 3, 0), refused}) == verdict::linearizable);
  CHECK(judge({one(verb::set, 0, 1, true, 1, 2), refused}) == verdict::violated);
}

TEST_CASE("deleting an absent key succeeds whatever its index was said to be") {
  CHECK(judge({one(verb::erase_cas, 0, 0, true, 1, 2, 7), one(verb::get, 0, 0, true, 3, 4)}) == verdict::linearizable);
}

TEST_CASE("a transaction takes effect as a whole or not at all") {
  const auto written = both(one(verb::set, 3, 1, true, 1, 2), one(verb::set, 4, 2, true, 1, 2));
  CHECK(judge({written, one(verb::get, 4, 2, true, 3, 4)}) == verdict::linearizable);
  CHECK(judge({written, one(verb::get, 4, 0, true, 3, 4)}) == verdict::violated);
  const auto half = both(one(verb::set, 3, 5, true, 3, 4), one(verb::cas, 4, 6, true, 3, 4, 9));
  CHECK(judge({written, half}) == verdict::violated); // it says that it was done, though its second step must be refused
  // Who reads both sees both written or neither.
  const auto torn = both(one(verb::get, 3, 5, true, 3, 4), one(verb::get, 4, 2, true, 3, 4));
  CHECK(judge({written, both(one(verb::set, 3, 5, true, 3, 0), one(verb::set, 4, 6, true, 3, 0)), torn}) == verdict::violated);
}

TEST_CASE("a run of whole nodes is the same whenever its seed is") {
  run_options o;
  o.seed = 17;
  o.seconds = 10;
  const auto first = run_whole(o), second = run_whole(o);
  CHECK(first.failure == "");
  CHECK(first.trace_hash == second.trace_hash);
  CHECK(first.acknowledged > 0);
  o.seed = 18;
  CHECK(run_whole(o).trace_hash != first.trace_hash);
}

TEST_CASE("and so is one with client agents") {
  run_options o;
  o.seed = 17;
  o.seconds = 10;
  o.agents = 3;
  const auto first = run_whole(o), second = run_whole(o);
  CHECK(first.failure == "");
  CHECK(first.trace_hash == second.trace_hash);
  CHECK(first.registrations > 0);
}

TEST_CASE("production code that breaks its rules plainly is found out within sixty seeds") {
  for (const auto& m : mutations()) {
    if (!m.plain) continue;
    CAPTURE(m.name);
    CHECK(run_seeds(broken_run(m), 60, true).failures > 0);
  }
}
