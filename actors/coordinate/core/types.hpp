// A place in the space of round-trip times.
#pragma once
#include "runtime/base/duration.hpp"
#include <array>
#include <cstddef>

namespace actord::coordinate {

constexpr size_t dimensions = 8;
constexpr double error_max = 1.5;     // "I do not know where I am"
constexpr double height_min = 10e-6;  // seconds

// All in seconds but for `error`, which is relative. A fresh node is at the origin and sure of nothing.
struct coordinate {
  std::array<double, dimensions> vec{};
  double error = error_max;
  double adjustment = 0; // what the node's own measurements miss by
  double height = height_min; // the way from the node to the high-speed core
  bool operator==(const coordinate&) const = default;
};

// Whether each component is a finite number.
bool is_valid(const coordinate& c);

// The estimated round-trip time, cut off to whole nanoseconds.
nanos distance(const coordinate& a, const coordinate& b);

} // namespace actord::coordinate
