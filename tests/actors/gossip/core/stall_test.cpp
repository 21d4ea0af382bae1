#include "tests/actors/gossip/core/swim_fixture.hpp"

using namespace actord;
using namespace actord::gossip;

TEST_CASE("a process that is not run for long trusts itself less at once") {
  node_fixture f;
  f.know(4);
  f.pass_peacefully(10s);
  f.now = f.core.next_deadline();
  f.stall(3500ms);
  CHECK(f.core.health_score() == 4);
  CHECK(f.all<tell_stall>().at(0).lag == 3500ms);
  f.pass_peacefully(20s);
  CHECK(f.core.health_score() == 0); // and recovers with the probes that succeed
}

TEST_CASE("a timer that is a little late is no stall") {
  node_fixture f;
  f.know(4);
  f.now = f.core.next_deadline();
  f.stall(200ms);
  CHECK(f.core.health_score() == 0);
}

TEST_CASE("a probe that a stall interrupted accuses nobody, whatever is looked at first afterwards") {
  for (const bool packets_first : {true, false}) {
    node_fixture f;
    f.know(4);
    const auto [to, p] = f.next_probe();
    f.now += 10s; // the answer lies in the socket for most of this
    if (!packets_first) f.core.tick(f.now);
    f.tell(ack{p.seq, {}});
    f.core.tick(f.now);
    CHECK(f.state(p.node) == node_state::alive);
    CHECK(f.core.figures().suspected == 0);
    CHECK(f.all<tell_round_trip>().empty()); // and its round trip says nothing about the network
  }
}

TEST_CASE("a suspect gets the time back that a stall took from it") {
  node_fixture f;
  f.know(2);
  f.tell(suspect{1, "n2", "n3"});
  f.now += 1s;
  f.core.tick(f.now);
  f.stall(60s);
  CHECK(f.state("n2") == node_state::suspect);
  f.tell(alive_of("n2", 2, 2)); // waited in the socket
  f.pass_peacefully(60s);
  CHECK(f.state("n2") == node_state::alive);
}

TEST_CASE("after a stall the whole state is asked for soon, but not after every one") {
  node_fixture f;
  f.know(4);
  f.pass_peacefully(1s);
  f.stall(5s);
  f.core.drain();
  f.pass(1s);
  CHECK(f.all<open_push_pull>().size() == 1);
  f.stall(2s);
  f.core.drain();
  f.pass(1s);
  CHECK(f.all<open_push_pull>().empty());
}

TEST_CASE("without Lifeguard a stall accuses and kills") {
  node_fixture f(settings::lan().without_lifeguard());
  f.know(2);
  const auto [to, p] = f.next_probe();
  f.stall(10s);
  CHECK(f.state(p.node) == node_state::suspect);
  f.stall(10s);
  CHECK(f.state(p.node) == node_state::dead);
}

TEST_CASE("time that runs backwards stands still") {
  node_fixture f;
  f.know(2);
  const nanos deadline = f.core.next_deadline();
  f.core.tick(f.now - 100s);
  CHECK(f.core.next_deadline() == deadline);
}

TEST_CASE("packets that are looked at one after the other before the late tick do not count the same stall again") {
  settings s = settings::lan();
  node_fixture f(s, {}, true);
  push_pull all{false, {report_of("n2", 2), report_of("n3", 3)}, {}};
  f.core.push_pull_arrived(1, all, place(2), f.now);
  f.pass_peacefully(10s);
  f.tell(dead{1, "n2", "n3"}, place(3)); // somebody is being asked, and a stranger, and a probe is under way
  f.tell(alive_of("n9", 9), place(99));
  f.now += 3s;
  for (int i = 0; i < 100; ++i) {
    f.now += 1ms;
    f.tell(user{"x"});
  }
  CHECK(f.core.figures().stalls == 1);
  CHECK(f.core.next_deadline() <= f.now + 1s); // what is to be done is not put off by all of them together
}

TEST_CASE("a late confirmation of a suspicion is no stall of ourselves") {
  settings s = settings::consul_lan();
  node_fixture f(s, {}, true);
  push_pull all{false, {}, {}};
  for (uint8_t n = 2; n < 8; ++n) all.nodes.push_back(report_of("n" + std::to_string(n), n));
  f.core.push_pull_arrived(1, all, place(2), f.now);
  f.pass_peacefully(10s);
  f.tell(suspect{1, "n2", "n3"}, place(3));
  for (int i = 0; i < 100; ++i) { // nobody hears of n2, the others answer
    f.now += 100ms;
    f.core.tick(f.now);
    for (auto& [to, p] : f.sent<ping>())
      if (to != place(2)) f.core.receive(ack{p.seq, {}}, to, f.now);
  }
  REQUIRE(f.state("n2") == node_state::suspect);
  const auto before = f.core.figures().stalls;
  f.tell(suspect{1, "n2", "n4"}, place(4));
  f.tell(suspect{1, "n2", "n5"}, place(5));
  f.now += 1ms;
  f.core.tick(f.now);
  CHECK(f.core.figures().stalls == before);
}
