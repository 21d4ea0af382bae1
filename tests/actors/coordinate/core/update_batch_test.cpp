#include "actors/coordinate/core/update_batch.hpp"
#include <doctest/doctest.h>
#include <limits>

using namespace actord;
using namespace actord::coordinate;
using namespace std::chrono_literals;

namespace {
coordinate_record at(std::string node, double seconds = 0, std::string segment = "") {
  coordinate_record r{std::move(node), std::move(segment), {}};
  r.coord.vec = {seconds, 0, 0, 0, 0, 0, 0, 0};
  return r;
}
} // namespace

TEST_CASE("the last place of a node in a segment counts") {
  update_batch b;
  CHECK(b.hear(at("a", 1)));
  CHECK(b.hear(at("a", 2)));
  CHECK(b.hear(at("a", 3, "s")));
  size_t dropped = 7;
  auto all = b.take(dropped);
  REQUIRE(all.size() == 1);
  REQUIRE(all[0].size() == 2);
  CHECK(all[0][0].coord.vec[0] == 2);
  CHECK(dropped == 0);
  CHECK(b.take(dropped).empty());
}

TEST_CASE("five batches of 128 go out per period, what is more is dropped") {
  update_batch b;
  for (int i = 0; i < 700; ++i) CHECK(b.hear(at("n" + std::to_string(i))));
  size_t dropped = 0;
  auto all = b.take(dropped);
  CHECK(all.size() == 5);
  CHECK(all.back().size() == 128);
  CHECK(dropped == 60);
}

TEST_CASE("what is no coordinate of ours is refused in Consul's words") {
  update_batch b;
  auto c = at("a");
  c.coord.vec.pop_back();
  CHECK(b.hear(c).err().text == "incompatible coordinate");
  c = at("a");
  c.coord.height = std::numeric_limits<double>::quiet_NaN();
  CHECK(b.hear(c).err().text == "invalid coordinate");
  CHECK(b.hear({"a", "", {}}));
  CHECK(b.size() == 0);
}

TEST_CASE("a large cluster tells less often") {
  CHECK(update_interval(10, 64, 15s) == 15s);
  CHECK(update_interval(6400, 64, 15s) == 100s);
  CHECK(update_interval(10, 0, 15s) == 15s);
}
