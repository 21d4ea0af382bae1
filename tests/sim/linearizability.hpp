// Is a history of operations on one key linearizable? Per key, since keys are independent.
#pragma once
#include "tests/sim/linear_search.hpp"
#include <cstdint>
#include <vector>

namespace actord::sim {

struct operation {
  op_kind kind = op_kind::get;
  uint8_t key = 0;
  uint32_t value = 0, expected = 0;
  uint32_t seen = 0;         // what get and cas were told
  uint64_t invoked = 0;      // stamps: the order of all invocations and answers
  uint64_t returned = 0;     // 0 while the outcome is unknown: it may take effect at any time after, or never
};

// undecided when max_steps did not suffice.
verdict check_key(std::vector<operation> history, size_t max_steps);

} // namespace actord::sim
