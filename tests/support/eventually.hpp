// Waiting in a test: for what is expected, with a bound that only a hang reaches. The one place of unit tests that sleeps (tests/tidy).
#pragma once
#include <chrono>
#include <thread>

namespace actord::test {

// Asks every few milliseconds; false when `c` does not hold after `patience`.
template <class Condition> bool eventually(Condition c, std::chrono::nanoseconds patience = std::chrono::seconds(60)) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!c()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Lets something happen that must not: a test that only waits for events would end before it does. A busy machine may hide the fault then,
// but never makes one up.
inline void let_pass(std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); }

} // namespace actord::test
