#include "actors/gossip/core/broadcast_queue.hpp"
#include "runtime/base/prng.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;

namespace {

user text(std::string body) { return user{std::move(body)}; }

struct queue {
  broadcast_queue q;
  std::vector<uint64_t> done;
  void push(std::string body, std::string subject = {}, uint64_t ticket = 0) {
    const size_t size = body.size();
    q.push(text(std::move(body)), size, std::move(subject), ticket);
  }
  std::vector<std::string> take(size_t budget, int limit = 3, size_t each = 2, size_t parts = 127) {
    std::vector<message> out;
    q.take(out, budget, each, limit, parts, done);
    std::vector<std::string> bodies;
    for (auto& m : out) bodies.push_back(std::get<user>(m).body);
    return bodies;
  }
};
using bodies = std::vector<std::string>;

} // namespace

TEST_CASE("what was told least goes first") {
  queue q;
  q.push("aaaaaa");
  CHECK(q.take(100) == bodies{"aaaaaa"});
  q.push("b");
  CHECK(q.take(100) == bodies{"b", "aaaaaa"});
}

TEST_CASE("of those told equally often the longest that fits goes first, then the newest") {
  queue q;
  q.push("1");
  q.push("22");
  q.push("333");
  q.push("xx");
  CHECK(q.take(100) == bodies{"333", "xx", "22", "1"});
  CHECK(q.take(4) == bodies{"xx"}); // 333 and its two bytes do not fit
  CHECK(q.take(5) == bodies{"333"});
}

TEST_CASE("what does not fit makes room for what was told more often and does") {
  queue q;
  q.push("1");
  q.take(100);
  q.push("22222222");
  CHECK(q.take(5) == bodies{"1"});
}

TEST_CASE("a message leaves the queue with its last sending and its ticket comes back") {
  queue q;
  q.push("a", "", 7);
  CHECK(q.take(100).size() == 1);
  CHECK(q.take(100).size() == 1);
  CHECK(q.done.empty());
  CHECK(q.take(100).size() == 1);
  CHECK(q.done == std::vector<uint64_t>{7});
  CHECK(q.q.empty());
}

TEST_CASE("news about a subject replace what was queued about it and come with no sendings counted") {
  queue q;
  q.push("old", "n");
  q.take(100);
  q.push("new", "n");
  q.push("else", "m");
  CHECK(q.q.size() == 2);
  CHECK(q.take(100) == bodies{"else", "new"});
}

TEST_CASE("messages without a subject do not replace one another") {
  queue q;
  q.push("a");
  q.push("a");
  CHECK(q.take(100).size() == 2);
}

TEST_CASE("a packet takes no message twice and no more parts than allowed") {
  queue q;
  for (int i = 0; i < 10; ++i) q.push("m" + std::to_string(i));
  CHECK(q.take(1000).size() == 10);
  CHECK(q.take(1000, 3, 2, 4).size() == 4);
}

TEST_CASE("trimming drops what was told most and gives its ticket back") {
  queue q;
  q.push("a", "", 1);
  q.take(100);
  q.push("b", "", 2);
  q.q.trim(1, q.done);
  CHECK(q.done == std::vector<uint64_t>{1});
  CHECK(q.take(100) == bodies{"b"});
}

TEST_CASE("the queue picks what a plain search through all messages would pick") {
  struct plain { int sent; size_t size; uint64_t number; };
  prng random(11);
  for (int round = 0; round < 200; ++round) {
    broadcast_queue q;
    std::vector<plain> twin;
    uint64_t number = 0;
    for (int step = 0; step < 60; ++step) {
      if (random.chance(0.4)) {
        const size_t size = random.between(1, 40);
        q.push(text(std::to_string(++number)), size);
        twin.push_back({0, size, number});
        continue;
      }
      size_t budget = random.between(0, 120), left = budget;
      std::vector<message> out;
      std::vector<uint64_t> done;
      q.take(out, budget, 2, 4, 5, done);
      std::vector<bool> taken(twin.size(), false);
      for (size_t part = 0; part < 6; ++part) {
        size_t best = twin.size();
        for (size_t i = 0; i < twin.size(); ++i) {
          if (taken[i] || twin[i].size + 2 > left) continue;
          const auto rank = [&](size_t at) { return std::make_tuple(twin[at].sent, -static_cast<int64_t>(twin[at].size), -static_cast<int64_t>(twin[at].number)); };
          if (best == twin.size() || rank(i) < rank(best)) best = i;
        }
        if (best == twin.size() || part == 5) {
          REQUIRE(out.size() == part);
          break;
        }
        REQUIRE(out.size() > part);
        CHECK(std::get<user>(out[part]).body == std::to_string(twin[best].number));
        taken[best] = true;
        left -= twin[best].size + 2;
      }
      CHECK(budget == left);
      for (size_t i = twin.size(); i > 0; --i) {
        if (taken[i - 1] && ++twin[i - 1].sent == 4) twin.erase(twin.begin() + static_cast<long>(i) - 1);
      }
    }
    CHECK(q.size() == twin.size());
  }
}
