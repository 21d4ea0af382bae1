#include "actors/state/core/watch_table.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <map>
#include <set>

using namespace actord;

namespace {
std::shared_ptr<const change_set> change(uint64_t index, std::vector<topic> topics) {
  return std::make_shared<const change_set>(change_set{raft_index{index}, std::move(topics), false, {}});
}
std::vector<watch_id> publish(watch_table& t, uint64_t index, std::vector<topic> topics) {
  std::vector<watch_id> fired;
  t.publish(change(index, std::move(topics)), fired);
  return fired;
}
topic key(std::string k) { return {topic_kind::kv_key, std::move(k)}; }
topic prefix(std::string k) { return {topic_kind::kv_prefix, std::move(k)}; }
} // namespace

TEST_CASE("a watch on a key fires for that key only, and once") {
  watch_table t;
  auto id = t.add({key("a")}, raft_index{0});
  REQUIRE(id != 0);
  CHECK(publish(t, 1, {key("b"), key("aa")}).empty());
  CHECK(publish(t, 2, {key("a")}) == std::vector<watch_id>{id});
  CHECK(publish(t, 3, {key("a")}).empty());
  CHECK(t.size() == 0);
}

TEST_CASE("a watch on a prefix fires for every key under it, the prefix itself included") {
  watch_table t;
  auto id = t.add({prefix("a/")}, raft_index{0});
  CHECK(publish(t, 1, {key("a"), key("b/a/")}).empty());
  CHECK(publish(t, 2, {key("a/x")}) == std::vector<watch_id>{id});
  auto all = t.add({prefix("")}, raft_index{2});
  CHECK(publish(t, 3, {key("z")}) == std::vector<watch_id>{all});
}

TEST_CASE("a change between looking and watching is not missed, and an unrelated one does not wake") {
  watch_table t;
  publish(t, 5, {key("a")});
  publish(t, 6, {key("b")});
  CHECK(t.add({key("a")}, raft_index{4}) == 0);
  CHECK(t.add({key("a")}, raft_index{5}) != 0);
  CHECK(t.add({key("c")}, raft_index{4}) != 0);
  t.skip_to(raft_index{9});
  CHECK(t.add({key("c")}, raft_index{8}) == 0);
  CHECK(t.add({key("c")}, raft_index{9}) != 0);
}

TEST_CASE("a hundred thousand who wait for one topic come and go in any order in no time, and those who stay are woken") {
  watch_table t;
  std::vector<watch_id> ids;
  for (int n = 0; n < 200000; ++n) ids.push_back(t.add({key("same"), prefix("s")}, raft_index{0}));
  prng random(7);
  for (size_t n = ids.size(); n > 1; --n) std::swap(ids[n - 1], ids[random.below(n)]);
  // One by one from a list of that length is hours of work where each is looked for.
  while (ids.size() > 3) t.remove(ids.back()), ids.pop_back();
  auto fired = publish(t, 1, {key("same")});
  CHECK(std::set<watch_id>(fired.begin(), fired.end()) == std::set<watch_id>(ids.begin(), ids.end()));
  CHECK(t.size() == 0);
}

TEST_CASE("a long key is held against thousands of lengths of prefixes in no time, and finds its own") {
  watch_table t;
  const std::string other(20000, 'b'), mine(20000, 'c');
  for (size_t length = 1; length <= other.size(); ++length) REQUIRE(t.add({prefix(other.substr(0, length))}, raft_index{0}) != 0);
  auto id = t.add({prefix(mine.substr(0, 15000)), prefix(mine.substr(0, 15000)), prefix("c")}, raft_index{0});
  std::vector<topic> changed;
  for (int n = 0; n < 500; ++n) changed.push_back(key(mine + std::to_string(n)));
  CHECK(publish(t, 1, changed) == std::vector<watch_id>{id});
  CHECK(t.size() == other.size());
  CHECK(publish(t, 2, {key(other)}).size() == other.size());
}

TEST_CASE("the table and a dumb list of watches wake the same watchers") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    prng random(seed);
    watch_table t;
    std::map<watch_id, std::vector<topic>> twin;
    auto any_key = [&] {
      std::string k;
      for (auto n = random.below(4); n > 0; --n) k += static_cast<char>('a' + random.below(2));
      return k;
    };
    for (uint64_t index = 1; index < 200; ++index) {
      if (random.chance(0.5)) {
        std::vector<topic> topics;
        for (auto n = random.between(1, 3); n > 0; --n) topics.push_back(random.chance(0.5) ? key(any_key()) : prefix(any_key()));
        auto id = t.add(topics, raft_index{index});
        REQUIRE(id != 0);
        twin[id] = topics;
      } else if (random.chance(0.3) && !twin.empty()) {
        auto victim = twin.begin();
        std::advance(victim, static_cast<long>(random.below(twin.size())));
        t.remove(victim->first);
        twin.erase(victim);
      } else {
        auto changed = any_key();
        std::set<watch_id> expected;
        for (auto& [id, topics] : twin)
          for (auto& w : topics)
            if (w.kind == topic_kind::kv_prefix ? changed.starts_with(w.key) : changed == w.key) expected.insert(id);
        auto fired = publish(t, index, {key(changed)});
        CHECK(std::set<watch_id>(fired.begin(), fired.end()) == expected);
        CHECK(fired.size() == expected.size());
        for (auto id : fired) twin.erase(id);
      }
      CHECK(t.size() == twin.size());
    }
  }
}

TEST_CASE("what is remembered of changes is bounded by bytes, however long their names are") {
  watch_table t;
  const std::string name(1 << 20, 'n');
  for (uint64_t index = 1; index <= 40; ++index) publish(t, index, {key(name + std::to_string(index))});
  CHECK(t.remembered_bytes() <= size_t{8} << 20);
  CHECK(t.add({key("other")}, raft_index{1}) == 0); // cannot be known any more
  CHECK(t.add({key("other")}, raft_index{39}) != 0);
  CHECK(t.add({key(name + "40")}, raft_index{39}) == 0);
  publish(t, 41, {key(std::string(16 << 20, 'n'))}); // more than all of it
  CHECK(t.remembered_bytes() == 0);
  CHECK(t.add({key("other")}, raft_index{40}) == 0);
  CHECK(t.add({key("other")}, raft_index{41}) != 0);
  for (uint64_t index = 42; index <= 20'000; ++index) publish(t, index, {key("short")});
  CHECK(t.add({key("other")}, raft_index{42}) != 0);
}
