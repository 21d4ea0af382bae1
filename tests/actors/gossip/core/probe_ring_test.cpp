#include "actors/gossip/core/probe_ring.hpp"
#include <doctest/doctest.h>
#include <set>

using namespace actord;
using namespace actord::gossip;

TEST_CASE("one walk of the ring meets each member once") {
  member_table table;
  probe_ring ring;
  prng random(3);
  for (int i = 0; i < 50; ++i) ring.insert(table.insert("n" + std::to_string(i)), random);
  ring.restart(random, [](member&) { return false; });
  std::set<std::string> seen;
  while (const auto* m = ring.next()) CHECK(seen.insert(m->name).second);
  CHECK(seen.size() == 50);
  CHECK(ring.next() == nullptr);
}

TEST_CASE("two walks have different orders") {
  member_table table;
  probe_ring ring;
  prng random(3);
  for (int i = 0; i < 50; ++i) ring.insert(table.insert("n" + std::to_string(i)), random);
  const auto walk = [&] {
    ring.restart(random, [](member&) { return false; });
    std::vector<std::string> names;
    while (const auto* m = ring.next()) names.push_back(m->name);
    return names;
  };
  CHECK(walk() != walk());
}

TEST_CASE("a new walk leaves out those that are gone, and the table finds the others still") {
  member_table table;
  probe_ring ring;
  prng random(3);
  for (int i = 0; i < 20; ++i) ring.insert(table.insert("n" + std::to_string(i)), random);
  ring.restart(random, [&](member& m) {
    if (m.name.back() != '1') return false;
    table.erase(m);
    return true;
  });
  CHECK(ring.size() == 18);
  CHECK(table.size() == 18);
  CHECK(table.find("n1") == nullptr);
  CHECK(table.find("n11") == nullptr);
  for (int i = 2; i < 10; ++i) CHECK(table.find("n" + std::to_string(i))->name == "n" + std::to_string(i));
  while (const auto* m = ring.next()) CHECK(table.find(m->name) == m);
}

TEST_CASE("a random pick is without repetition and only of the accepted") {
  member_table table;
  prng random(5);
  for (int i = 0; i < 30; ++i) table.insert("n" + std::to_string(i)).inc = static_cast<incarnation>(i);
  for (int round = 0; round < 100; ++round) {
    const auto picked = table.pick(5, random, [](const member& m) { return m.inc % 2 == 0; });
    std::set<std::string> names;
    for (const auto* m : picked) {
      CHECK(m->inc % 2 == 0);
      CHECK(names.insert(m->name).second);
    }
    CHECK(picked.size() == 5);
  }
  CHECK(table.pick(5, random, [](const member&) { return false; }).empty());
}
