#include "fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {
coordinate_record at(std::string node, double where, std::string segment = "") {
  coordinate_record c{std::move(node), std::move(segment), {}};
  c.coord.vec = {where, 0, 0, 0, 0, 0, 0, 0};
  return c;
}
std::string update(list_of<coordinate_record> batch) { return encode_command(command_kind::coordinate_batch_update, batch); }
} // namespace

TEST_CASE_FIXTURE(store_fixture, "coordinates of known nodes are kept by node and segment, the last one counts") {
  put(node_only("n1"));
  run(update({at("n1", 1), at("nope", 2), at("N1", 3), at("n1", 4, "s")}));
  query_meta m;
  auto all = reading->open().coordinates("", m);
  REQUIRE(all.size() == 2);
  CHECK(all[0].coord.vec[0] == 3);
  CHECK(all[1].segment == "s");
  CHECK(m.index == changes.index.v);
  CHECK(touched(topic_kind::coordinates));
  CHECK(reading->open().coordinates("n1", m).size() == 2);
  CHECK(reading->open().coordinates("n", m).empty());
}

TEST_CASE_FIXTURE(store_fixture, "coordinates go with their node") {
  put(node_only("n1"));
  put(node_only("n11"));
  run(update({at("n1", 1), at("n1", 2, "s"), at("n11", 3)}));
  drop("n1");
  query_meta m;
  auto left = reading->open().coordinates("", m);
  REQUIRE(left.size() == 1);
  CHECK(left[0].node == "n11");
  CHECK(touched(topic_kind::coordinates));
}
