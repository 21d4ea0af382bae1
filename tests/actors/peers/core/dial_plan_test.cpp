#include "actors/peers/core/dial_plan.hpp"
#include "actors/peers/core/outbox.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::peer;
using verdict = dial_plan::verdict;

namespace {
dial_plan plan_of(const server_id& self) { return dial_plan(self, {}, 42); }
} // namespace

TEST_CASE("an IP literal needs no resolver") {
  CHECK(is_literal_address("10.0.0.1:8300"));
  CHECK(is_literal_address("[fd00::1]:8300"));
  CHECK_FALSE(is_literal_address("consul.example:8300"));
  CHECK_FALSE(is_literal_address("10-0-0-1:8300"));
}

TEST_CASE("a failing address is dialled again with growing, bounded waits, for ever") {
  auto p = plan_of("a");
  p.want({{"b", "10.0.0.2:1"}}, 0);
  int64_t now = 0;
  int64_t longest = 0;
  for (int i = 0; i < 50; ++i) {
    auto d = p.due(now);
    REQUIRE(d.size() == 1);
    CHECK(p.due(now).empty()); // once while it is under way
    p.failed(d[0].target, now);
    const auto start = now;
    while (p.due(now + 1).empty()) ++now; // takes it
    p.failed(d[0].target, now);           // and gives it back
    longest = std::max(longest, now - start);
    if (i == 0) CHECK(now - start <= 200);
    now += 1501;
  }
  CHECK(longest <= 1500);
  CHECK(longest >= 750);
}

TEST_CASE("a server that comes to us is dialled soon, whatever failed before, and nobody else is") {
  auto p = plan_of("a");
  p.want({{"b", "10.0.0.2:1"}, {"c", "10.0.0.3:1"}}, 0);
  for (int64_t now = 0; now < 20000; now += 2000)
    for (auto& d : p.due(now)) p.failed(d.target, now);
  p.heard_of("b", 18000);
  auto d = p.due(18100);
  REQUIRE(d.size() == 1);
  CHECK(d[0].wanted == "b");
  p.heard_of("b", 18100); // it is being dialled already
  CHECK(p.due(18300).empty());
}

TEST_CASE("an address of ourselves is dialled once") {
  auto p = plan_of("a");
  p.want({{"", "10.0.0.1:1"}}, 0);
  auto d = p.due(0);
  REQUIRE(d.size() == 1);
  CHECK(p.greeted(d[0].target, "a", 0) == verdict::self);
  CHECK(p.due(1000000).empty());
  CHECK_FALSE(p.restless());
}

TEST_CASE("two addresses of one server make one connection, and the second is used when the first is lost") {
  auto p = plan_of("a");
  p.want({{"", "10.0.0.2:1"}, {"", "10.0.0.2:2"}}, 0);
  auto d = p.due(0);
  REQUIRE(d.size() == 2);
  CHECK(p.greeted(d[0].target, "b", 0) == verdict::ready);
  CHECK(p.greeted(d[1].target, "b", 0) == verdict::duplicate);
  CHECK(p.due(100000).empty());
  CHECK(p.address_of("b") == d[0].address);
  p.failed(d[0].target, 200000);
  CHECK(p.due(300000).size() == 2);
}

TEST_CASE("a connection that was made by address only is kept when the id becomes wanted") {
  auto p = plan_of("a");
  p.want({{"", "10.0.0.2:1"}}, 0);
  auto d = p.due(0);
  REQUIRE(p.greeted(d[0].target, "b", 0) == verdict::ready);
  p.want({{"b", "10.0.0.2:1"}, {"", "10.0.0.2:1"}}, 1);
  CHECK(p.take_dropped().empty());
  CHECK(p.due(100000).empty());
  p.want({}, 2);
  CHECK(p.take_dropped() == std::vector<uint64_t>{d[0].target});
}

TEST_CASE("another server at a wanted server's address is a stranger, and may be wanted itself") {
  auto p = plan_of("a");
  p.want({{"b", "10.0.0.2:1"}}, 0);
  auto d = p.due(0);
  CHECK(p.greeted(d[0].target, "c", 0) == verdict::stranger);
  p.want({{"b", "10.0.0.2:1"}, {"c", "10.0.0.2:1"}}, 1);
  auto again = p.due(1);
  REQUIRE(again.size() == 1);
  CHECK(p.greeted(again[0].target, "c", 1) == verdict::ready);
}

TEST_CASE("a name is resolved, all its addresses are dialled, and it is asked again while none answers") {
  auto p = plan_of("a");
  p.want({{"", "servers.example:8300"}}, 0);
  CHECK(p.names_due(0) == std::vector<std::string>{"servers.example:8300"});
  CHECK(p.names_due(0).empty());
  p.resolve_failed("servers.example:8300", 0);
  CHECK(p.names_due(500).empty());
  CHECK(p.names_due(10000).size() == 1);
  p.resolved("servers.example:8300", {"10.0.0.1:8300", "10.0.0.2:8300"}, 10000);
  auto d = p.due(10000);
  REQUIRE(d.size() == 2);
  p.failed(d[0].target, 10000);
  p.failed(d[1].target, 10000);
  CHECK(p.names_due(40001).size() == 1);
  p.resolved("servers.example:8300", {"10.0.0.3:8300"}, 40001);
  d = p.due(50000);
  REQUIRE(d.size() == 1);
  CHECK(d[0].address == "10.0.0.3:8300");
}

TEST_CASE("control frames overtake, full lanes drop, and a frame that has not left can be taken back") {
  outbox::limits l;
  l.bytes = {10, 10, 10};
  outbox o(l);
  CHECK(o.push(lane::entries, std::string(20, 'e')) != 0); // alone it may be larger
  CHECK(o.push(lane::entries, "e") == 0);
  const auto ticket = o.push(lane::requests, "question");
  CHECK(ticket != 0);
  CHECK(o.push(lane::control, "ping") != 0);
  CHECK(o.pop() == "ping");
  CHECK(o.cancel(lane::requests, ticket));
  CHECK_FALSE(o.cancel(lane::requests, ticket));
  CHECK(o.pop() == std::string(20, 'e'));
  CHECK(o.empty());
  CHECK(o.pop().empty());
}
