#include "actors/rpc/core/route.hpp"
#include <doctest/doctest.h>
#include <set>

using namespace actord;
using namespace actord::rpc;
using namespace std::chrono_literals;

namespace {
route three(uint64_t seed = 1) {
  route r{prng(seed)};
  for (std::string n : {"a", "b", "c"}) r.add({n, "id-" + n, "10.0.0." + n + ":8300"});
  return r;
}
} // namespace

TEST_CASE("a server that failed goes to the end of the list and the next one is asked") {
  auto r = three();
  const auto bad = r.first()->address;
  r.failed(bad);
  CHECK(r.first()->address != bad);
  CHECK(r.servers().back().address == bad);
  CHECK(r.size() == 3);
}

TEST_CASE("agents that learn of the servers in the same order do not all ask the same one") {
  std::set<std::string> first;
  for (uint64_t seed = 0; seed < 50; ++seed) first.insert(three(seed).first()->name);
  CHECK(first.size() == 3);
}

TEST_CASE("a server that comes back elsewhere under its name is one server") {
  auto r = three();
  CHECK(r.add({"b", "id-b", "10.9.9.9:8300"}));
  CHECK_FALSE(r.add({"b", "id-b", "10.9.9.9:8300"}));
  CHECK(r.size() == 3);
  CHECK(r.by_address("10.9.9.9:8300") != nullptr);
  CHECK(r.remove("b"));
  CHECK_FALSE(r.remove("b"));
  CHECK(r.size() == 2);
}

TEST_CASE("the list is shuffled every two to three minutes, and less often in a large cluster") {
  auto r = three();
  for (int i = 0; i < 20; ++i) {
    r.rebalanced(1000s, 10);
    CHECK(r.rebalance_at() >= 1120s);
    CHECK(r.rebalance_at() <= 1180s);
  }
  r.rebalanced(1000s, 100000); // 192 connections a second from all of them together
  CHECK(r.rebalance_at() >= 1520s);
}

TEST_CASE("a shuffle keeps every server") {
  auto r = three();
  for (int i = 0; i < 10; ++i) r.shuffle();
  std::set<std::string> names;
  for (auto& s : r.servers()) names.insert(s.name);
  CHECK(names.size() == 3);
}

TEST_CASE("without a leader reads and writes alike are tried again within the hold time, and no longer") {
  prng random(7);
  for (bool reads : {true, false}) {
    retries t({}, reads, 100s);
    auto d = t.after(attempt::answered, "rpc error making call: No cluster leader", "a:1", 3, 101s, random);
    REQUIRE(d);
    CHECK(*d <= nanos(7s) / 16);
    CHECK_FALSE(t.after(attempt::answered, "No cluster leader", "a:1", 3, 107s, random));
  }
}

TEST_CASE("a server that cannot reach the leader it knows is asked again, since it did nothing") {
  prng random(7);
  const std::string lost = "rpc error getting client: failed to get conn: dial tcp 10.0.0.3:0->10.0.0.1:8300: connect: connection refused";
  for (bool reads : {true, false}) {
    retries t({}, reads, 100s);
    CHECK(t.after(attempt::answered, lost, "a:1", 3, 100s, random));
  }
  retries reads({}, true, 100s), writes({}, false, 100s);
  CHECK(reads.after(attempt::answered, "Not ready to serve consistent reads", "a:1", 3, 100s, random));
  CHECK_FALSE(writes.after(attempt::answered, "Not ready to serve consistent reads", "a:1", 3, 100s, random));
}

TEST_CASE("any other answer of a server stands") {
  prng random(7);
  retries t({}, true, 100s);
  CHECK_FALSE(t.after(attempt::answered, "", "a:1", 3, 100s, random));
  CHECK_FALSE(t.after(attempt::answered, "Permission denied", "a:1", 3, 100s, random));
}

TEST_CASE("a write that may have left is not sent twice, one that did not leave is") {
  prng random(7);
  retries w({}, false, 100s);
  CHECK_FALSE(w.after(attempt::lost, "", "a:1", 3, 100s, random));
  retries again({}, false, 100s);
  CHECK(again.after(attempt::not_sent, "", "a:1", 3, 100s, random) == nanos(0));
}

TEST_CASE("a read goes to every other server at once before it waits") {
  prng random(7);
  retries t({}, true, 100s);
  CHECK(t.after(attempt::lost, "", "a:1", 3, 100s, random) == nanos(0));
  CHECK(t.tried() == std::vector<std::string>{"a:1"});
  CHECK(t.after(attempt::not_sent, "", "b:1", 3, 100s, random) == nanos(0));
  auto d = t.after(attempt::not_sent, "", "c:1", 3, 100s, random);
  REQUIRE(d);
  CHECK(t.tried().empty()); // all over again, after a while
  CHECK_FALSE(t.after(attempt::not_sent, "", "a:1", 3, 107s, random));
}

TEST_CASE("the rate limit lets a burst through and then what it refills") {
  rate_limit l(10, 3);
  for (int i = 0; i < 3; ++i) CHECK(l.take(1s));
  CHECK_FALSE(l.take(1s));
  CHECK(l.take(1100ms));
  CHECK_FALSE(l.take(1100ms));
  rate_limit none(-1, 0);
  for (int i = 0; i < 1000; ++i) CHECK(none.take(1s));
}
