#include "api/dns/kept_names.hpp"
#include <doctest/doctest.h>

using namespace actord::dns;

TEST_CASE("who asks for very many names takes the place of those that nobody asks for") {
  kept_names<int> names(100);
  size_t gone = 0;
  const auto add = [&](const std::string& name) -> int& { return names.put(name, [&](int&) { ++gone; }); };
  for (int i = 0; i < 50; ++i) add("asked" + std::to_string(i)) = i;
  for (int i = 0; i < 10000; ++i) {
    add("n" + std::to_string(i)) = -1;
    if (i % 20 == 0)
      for (int k = 0; k < 50; ++k) {
        const auto* known = names.find("asked" + std::to_string(k));
        REQUIRE(known);
        CHECK(*known == k);
      }
  }
  CHECK(names.size() == 100);
  CHECK(gone == 9950);
  CHECK(add("asked7") == 7);
}

TEST_CASE("the idlest is one that was not asked for since its last turn") {
  kept_names<int> names(10);
  CHECK(names.idlest() == nullptr);
  names.put("a") = 1;
  names.put("b") = 2;
  (void)names.find("a");
  CHECK(*names.idlest() == 2);
  CHECK(*names.idlest() == 1);
}
