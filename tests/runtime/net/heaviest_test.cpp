#include "runtime/net/heaviest.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <map>

using namespace actord;
using net::heaviest, net::holding;

TEST_CASE("the largest of the household that holds the most go, and as few as is enough") {
  const std::vector<holding> all{{"honest", 45}, {"greedy", 30}, {"greedy", 40}, {"honest", 0}, {"greedy", 20}, {"other", 60}};
  CHECK(heaviest(all, 0).empty());
  CHECK(heaviest(all, 1) == std::vector<size_t>{2});              // 90 of it
  CHECK(heaviest(all, 41) == std::vector<size_t>{2, 5});          // of who has 60 then
  CHECK(heaviest(all, 1000) == std::vector<size_t>{2, 5, 1, 0, 4}); // but nobody who holds nothing
}

TEST_CASE("of very many the choice is that of looking through all of them each time") {
  prng random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<holding> all;
    for (int i = 0; i < 200; ++i) all.push_back({std::string(1, static_cast<char>('a' + random.below(8))), random.below(1000) * 256 + static_cast<size_t>(i)}); // no two alike
    size_t sum = 0;
    for (auto& h : all) sum += h.bytes;
    const size_t excess = random.below(sum);
    auto left = all;
    std::vector<size_t> expected;
    for (size_t gone = 0; gone < excess;) {
      std::map<std::string, size_t> of;
      for (auto& h : left) of[h.household] += h.bytes;
      size_t most = 0;
      for (size_t i = 0; i < left.size(); ++i)
        if (left[i].bytes > 0 && (left[most].bytes == 0 || std::pair(of[left[i].household], left[i].bytes) > std::pair(of[left[most].household], left[most].bytes))) most = i;
      gone += left[most].bytes;
      left[most].bytes = 0;
      expected.push_back(most);
    }
    CHECK(heaviest(all, excess) == expected);
  }
}
