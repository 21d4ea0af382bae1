#include "actors/coordinate/core/near.hpp"
#include <doctest/doctest.h>
#include <limits>

using namespace actord;
using namespace actord::coordinate;

namespace {
coordinate_record at(std::string node, double seconds, std::string segment = "") {
  coordinate_record r{std::move(node), std::move(segment), {}};
  r.coord.vec = {seconds, 0, 0, 0, 0, 0, 0, 0};
  return r;
}
std::vector<std::string> sorted(std::string_view from, std::vector<std::string> rows, const std::vector<coordinate_record>& all) {
  sort_by_distance(rows, proximity(from, all), [](auto& s) -> std::string_view { return s; });
  return rows;
}
using names = std::vector<std::string>;
} // namespace

TEST_CASE("rows come nearest first, those without a coordinate last, and equals in their order") {
  std::vector<coordinate_record> all{at("a", 0), at("b", 0.030), at("c", 0.010), at("d", 0.010)};
  CHECK(sorted("a", {"x", "b", "d", "c", "y", "a"}, all) == names{"a", "d", "c", "b", "x", "y"});
  CHECK(sorted("B", {"a", "b", "c"}, all) == names{"b", "c", "a"});
}

TEST_CASE("from a node that nobody knows the place of nothing is sorted") {
  CHECK(sorted("nope", {"b", "a"}, {at("a", 0), at("b", 1)}) == names{"b", "a"});
  CHECK(sorted("odd", {"b", "a"}, {at("a", 0), at("b", 1), coordinate_record{"odd", "", {}}}) == names{"b", "a"});
}

TEST_CASE("nodes are measured in the segment that they share") {
  std::vector<coordinate_record> all{at("s", 0), at("s", 0.5, "alpha"), at("c", 0.501, "alpha"), at("d", 0.1, "beta")};
  CHECK(rtt_between("s", "c", all)->count() > 999'000);
  CHECK(rtt_between("s", "c", all)->count() < 1'001'000);
  CHECK_FALSE(rtt_between("c", "d", all));
  CHECK_FALSE(rtt_between("s", "nope", all));
  CHECK(proximity("c", all).rtt("d") == std::numeric_limits<double>::infinity());
}
