#include "actors/coordinate/core/record.hpp"
#include <doctest/doctest.h>
#include <limits>

using namespace actord;

TEST_CASE("a coordinate comes back from its record as it was") {
  coordinate::coordinate c;
  c.vec = {1, 2, 3, 4, 5, 6, 7, 8};
  c.error = 0.5;
  c.adjustment = -0.25;
  c.height = 0.125;
  const auto back = coordinate::from_record(coordinate::to_record(c));
  REQUIRE(back.ok());
  CHECK(*back == c);
}

TEST_CASE("records of other dimensions, or with what is no number, are no coordinates") {
  auto v = coordinate::to_record({});
  v.vec.pop_back();
  CHECK_FALSE(coordinate::from_record(v).ok());
  v = coordinate::to_record({});
  v.vec[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(coordinate::from_record(v).ok());
  CHECK_FALSE(coordinate::from_record({}).ok());
}
