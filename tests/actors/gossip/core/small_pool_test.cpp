#include "tests/actors/gossip/core/pool_of_cores.hpp"

using namespace actord;
using namespace actord::gossip;

namespace {

constexpr uint64_t seeds = 300;

// The first three say this of a member.
bool three_say(pool_of_cores& pool, const node_name& who, node_state s, uint8_t last) {
  for (uint8_t i = 1; i <= 3; ++i) {
    const auto* m = pool.at(i).find(who);
    if (m == nullptr || m->state != s || m->at != place(last)) return false;
  }
  return true;
}

void wait(pool_of_cores& pool, uint64_t most_ms) {
  pool.run(std::chrono::milliseconds(pool.random().below(most_ms)), [] { return false; });
}

void start_four(pool_of_cores& pool) {
  for (uint8_t i = 1; i <= 4; ++i) pool.start("n" + std::to_string(i), i);
  for (uint8_t i = 2; i <= 4; ++i) pool.join(i, 1);
}

} // namespace

// The next exchange of states is up to half a minute away: whoever news go past waits for that.
TEST_CASE("who joins a small pool by one member is known to all within seconds, and so is its death") {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    pool_of_cores pool(seed);
    start_four(pool);
    wait(pool, 5000);
    pool.start("new", 5);
    pool.join(5, 3);
    CHECK(pool.run(3s, [&] { return three_say(pool, "new", node_state::alive, 5); }));
    wait(pool, 5000);
    pool.kill(5);
    CHECK(pool.run(15s, [&] { return three_say(pool, "new", node_state::dead, 5); }));
  }
}

TEST_CASE("who was killed and comes back at another address is known there within seconds, by all whom it asks") {
  for (const double loss : {0.0, 0.05}) {
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      CAPTURE(seed);
      pool_of_cores pool(seed);
      pool.loss = loss;
      start_four(pool);
      pool.start("gone", 5); // one more to whom news are told in vain
      pool.join(5, 1);
      pool.start("moved", 6);
      for (uint8_t i = 1; i <= 3; ++i) pool.join(6, i);
      REQUIRE(pool.run(20s, [&] { return three_say(pool, "moved", node_state::alive, 6); }));
      wait(pool, 3000);
      pool.kill(5);
      wait(pool, 20000);
      pool.kill(6);
      REQUIRE(pool.run(60s, [&] { return three_say(pool, "moved", node_state::dead, 6); }));
      wait(pool, 200);
      pool.start("moved", 7);
      for (uint8_t i = 1; i <= 3; ++i) pool.join(7, i);
      CHECK(pool.run(5s, [&] { return three_say(pool, "moved", node_state::alive, 7); }));
    }
  }
}
