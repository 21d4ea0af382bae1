#include "actors/autopilot/core/autopilot_core.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::autopilot;
using namespace std::chrono_literals;

namespace {

struct cluster {
  autopilot_core core{{}};
  autopilot_config config;
  std::vector<server_fact> servers;
  int64_t now_ms = 1'000'000;
  bool leading = true;

  explicit cluster(int voters) {
    config.cleanup_dead_servers = true;
    config.last_contact_threshold = 200ms;
    config.max_trailing_logs = 250;
    config.server_stabilization_time = 10s;
    for (int i = 0; i < voters; ++i) add(true);
    servers[0].leader = true;
    servers[0].last_contact_ms = 0;
  }
  server_fact& add(bool voter) {
    auto n = std::to_string(servers.size());
    server_fact f;
    f.id = "id-" + n;
    f.name = "s" + n;
    f.address = "10.0.0." + n + ":8300";
    f.voter = voter;
    f.last_contact_ms = 50;
    f.last_term = 3;
    f.last_index = 1000;
    return servers.emplace_back(f);
  }
  void silence(size_t i) { servers[i].last_contact_ms = 60'000; }
  std::optional<change> look(int64_t after_ms = 2000) {
    now_ms += after_ms;
    core.observe(now_ms, now_ms / 1000, config, servers, leading);
    return core.drain();
  }
  const server_health& health(size_t i) { return core.view().servers.at(i); }
};

} // namespace

TEST_CASE("a server is healthy while it is heard of, of the leader's term and close to the leader's log") {
  cluster c(3);
  CHECK_FALSE(c.look());
  CHECK(c.core.view().healthy);
  CHECK(c.core.view().failure_tolerance == 1);
  CHECK(c.core.view().leader == "id-0");
  SUBCASE("silent for longer than the threshold and one heartbeat") {
    c.servers[1].last_contact_ms = 300;
    c.look();
    CHECK(c.health(1).healthy);
    c.servers[1].last_contact_ms = 301;
    c.look();
    CHECK_FALSE(c.health(1).healthy);
    CHECK(c.health(1).alive);
  }
  SUBCASE("never heard of") {
    c.servers[1].last_contact_ms = -1;
    c.look();
    CHECK_FALSE(c.health(1).healthy);
  }
  SUBCASE("of another term") {
    c.servers[1].last_term = 2;
    c.look();
    CHECK_FALSE(c.health(1).healthy);
  }
  SUBCASE("too many entries behind") {
    c.servers[1].last_index = 750;
    c.look();
    CHECK(c.health(1).healthy);
    c.servers[1].last_index = 749;
    c.look();
    CHECK_FALSE(c.health(1).healthy);
    CHECK_FALSE(c.core.view().healthy);
    CHECK(c.core.view().failure_tolerance == 0);
  }
}

TEST_CASE("stable_since moves only when health changes") {
  cluster c(3);
  c.look();
  auto first = c.health(1).stable_since;
  c.look();
  CHECK(c.health(1).stable_since == first);
  c.servers[1].last_term = 2;
  c.look();
  CHECK(c.health(1).stable_since == first + 4);
  c.servers[1].last_term = 3;
  c.look();
  CHECK(c.health(1).stable_since == first + 6);
}

TEST_CASE("a learner is promoted once it has been healthy for the stabilisation time, one at a time") {
  cluster c(1);
  c.add(false);
  c.add(false);
  CHECK_FALSE(c.look());
  CHECK_FALSE(c.look(9999));
  auto change = c.look(1);
  REQUIRE(change);
  CHECK(change->what == action::promote);
  CHECK(change->id == "id-1");
  CHECK_FALSE(c.look()); // the first is under way
  c.servers[1].voter = true;
  c.core.changed(c.now_ms, true);
  change = c.look();
  REQUIRE(change);
  CHECK(change->id == "id-2");
}

TEST_CASE("a learner that falls ill begins its time anew; one that never votes is left alone") {
  cluster c(1);
  c.add(false);
  c.add(false).never_votes = true;
  c.look();
  c.servers[1].last_index = 0;
  CHECK_FALSE(c.look(9000));
  c.servers[1].last_index = 1000;
  CHECK_FALSE(c.look(9000));
  CHECK_FALSE(c.look(9000));
  auto change = c.look(1000);
  REQUIRE(change);
  CHECK(change->id == "id-1");
}

TEST_CASE("only the leader acts, and a change that failed is tried again after a while") {
  cluster c(1);
  c.add(false);
  c.leading = false;
  c.look();
  CHECK_FALSE(c.look(60'000));
  c.leading = true;
  CHECK(c.look());
  c.core.changed(c.now_ms, false);
  CHECK_FALSE(c.look(4999));
  CHECK(c.look(1));
}

TEST_CASE("a dead voter stays until it is replaced, since removing it would help nobody") {
  cluster c(3);
  c.silence(2);
  CHECK_FALSE(c.look());
  CHECK_FALSE(c.look(60'000));
  c.add(true); // the replacement has been promoted
  auto change = c.look();
  REQUIRE(change);
  CHECK(change->what == action::remove);
  CHECK(change->id == "id-2");
  c.servers.erase(c.servers.begin() + 2);
  c.core.changed(c.now_ms, true);
  CHECK_FALSE(c.look());
}

TEST_CASE("two dead of five go, because three living servers tolerate a failure only without them") {
  cluster c(5);
  c.silence(3);
  CHECK_FALSE(c.look());
  c.silence(4);
  auto change = c.look();
  REQUIRE(change);
  c.servers.erase(c.servers.begin() + 3);
  c.core.changed(c.now_ms, true);
  change = c.look();
  REQUIRE(change);
  CHECK(change->id == "id-4");
}

TEST_CASE("no dead voter is removed below the minimum quorum, when most are dead, or when the operator forbids it") {
  cluster c(4);
  c.silence(3);
  SUBCASE("minimum quorum") { c.config.min_quorum = 4; }
  SUBCASE("a majority is dead") { c.silence(1), c.silence(2); }
  SUBCASE("forbidden") { c.config.cleanup_dead_servers = false; }
  CHECK_FALSE(c.look());
  CHECK_FALSE(c.look(60'000));
}

TEST_CASE("a dead learner is removed; one that was never heard of gets its time first") {
  cluster c(3);
  c.add(false).last_contact_ms = -1;
  CHECK_FALSE(c.look());
  CHECK_FALSE(c.look(14'999));
  auto change = c.look(1);
  REQUIRE(change);
  CHECK(change->what == action::remove);
  CHECK(change->id == "id-3");
}

TEST_CASE("without a leader nothing is known and nothing is done") {
  cluster c(1);
  c.add(false);
  c.look();
  c.servers[0].leader = false;
  CHECK_FALSE(c.look(60'000));
  CHECK_FALSE(c.core.view().known);
}
