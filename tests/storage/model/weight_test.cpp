#include "storage/model/weight.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/catalog.hpp"
#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a record weighs about what it takes written down, wherever in it the bytes are") {
  const std::string text(50000, 'x');
  const auto about = [](const auto& r) {
    const size_t written = to_msgpack(r).size(), weight = weight_of(r);
    CHECK(weight > written / 2);
    CHECK(weight < written * 2 + 1000);
  };
  about(node_service{});
  node_service s;
  s.tags.push_back(text);
  about(s);
  s.meta["k"] = text;
  s.tagged_addresses["lan"].address = text;
  about(s);
  s.proxy.config["c"].v = free_value::list{free_value{text}, free_value{int64_t{7}}, free_value{free_value::object{{text, free_value{text}}}}};
  s.proxy.upstreams.emplace_back().destination_name = text;
  s.weights.emplace();
  about(s);
  health_check c;
  c.output = text;
  c.definition.header["h"].push_back(text);
  about(c);
  node_record n;
  n.meta["m"] = text;
  about(n);
}
