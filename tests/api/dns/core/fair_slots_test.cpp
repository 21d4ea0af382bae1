#include "api/dns/core/fair_slots.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>

using namespace actord;
using namespace actord::dns;

TEST_CASE("sources are served in turn, each in the order of coming") {
  fair_slots f(8, 0x123456789abcdef1);
  std::map<uint32_t, std::pair<char, int>> what;
  for (int i = 0; i < 5; ++i) what[f.take(1)] = {'a', i};
  for (int i = 0; i < 2; ++i) what[f.take(2)] = {'b', i};
  what[f.take(3)] = {'c', 0};
  CHECK(f.full());
  CHECK(f.take(4) == fair_slots::none);
  CHECK(f.has_longest(1));
  CHECK(!f.has_longest(2));
  std::map<char, std::vector<int>> order;
  std::string firsts;
  while (!f.empty()) {
    const auto s = f.next();
    REQUIRE(s != fair_slots::none);
    order[what[s].first].push_back(what[s].second);
    firsts += what[s].first;
    f.release(s);
  }
  CHECK(f.next() == fair_slots::none);
  CHECK(order['a'] == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(order['b'] == std::vector<int>{0, 1});
  CHECK(std::set<char>(firsts.begin(), firsts.begin() + 3).size() == 3); // whoever waits has a turn in each round
  CHECK(firsts.substr(5) == "aaa");
}

TEST_CASE("who has most waiting gives up its oldest, and slots come back in any order") {
  fair_slots f(300, 77);
  prng random(5);
  std::map<uint32_t, uint64_t> held; // slot, source
  std::map<uint64_t, std::vector<uint32_t>> lines;
  for (int round = 0; round < 20000; ++round) {
    if (random.below(3) != 0) {
      const uint64_t source = random.below(4) == 0 ? random.below(40) : 7;
      auto s = f.take(source);
      if (s == fair_slots::none) {
        REQUIRE(held.size() == 300);
        const auto gone = f.first_of_longest();
        REQUIRE(held.contains(gone));
        auto& line = lines[held[gone]];
        std::erase(line, gone);
        held.erase(gone);
        f.release(gone);
        s = f.take(source);
      }
      REQUIRE(s != fair_slots::none);
      REQUIRE(!held.contains(s));
      held[s] = source;
      lines[source].push_back(s);
    } else if (!held.empty()) {
      auto it = std::next(held.begin(), static_cast<ptrdiff_t>(random.below(held.size())));
      std::erase(lines[it->second], it->first);
      f.release(it->first);
      held.erase(it);
    }
    REQUIRE(f.taken() == held.size());
  }
  CHECK(lines[7].size() > 150); // it took what the others left
  for (uint64_t source = 0; source < 40; ++source)
    if (source != 7) CHECK(lines[source].size() < 30);
}
