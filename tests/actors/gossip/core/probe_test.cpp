#include "tests/actors/gossip/core/swim_fixture.hpp"

using namespace actord;
using namespace actord::gossip;

TEST_CASE("each other node is probed once per walk of the ring") {
  node_fixture f;
  f.know(5);
  std::vector<address> seen;
  f.next_probe();
  f.pass_peacefully(10s);
  for (int walk = 0; walk < 2; ++walk) {
    while (seen.size() < 10) {
      const auto [to, p] = f.next_probe();
      seen.push_back(to);
      f.core.receive(ack{p.seq, {}}, to, f.now);
    }
  }
  for (uint8_t i = 2; i < 7; ++i) {
    const auto times = std::count(seen.begin(), seen.end(), place(i));
    CHECK(times >= 1);
    CHECK(times <= 3);
  }
}

TEST_CASE("an answer in time gives a round trip with its payload and heals us") {
  node_fixture f;
  f.know(1);
  f.tell(suspect{1, "me", "n2"});
  CHECK(f.core.health_score() == 1);
  const auto [to, p] = f.next_probe();
  CHECK(p.node == "n2");
  CHECK(p.source == place(1));
  CHECK(p.source_node == "me");
  f.now += 3ms;
  f.tell(ack{p.seq, "coordinate"});
  const auto trips = f.all<tell_round_trip>();
  REQUIRE(trips.size() == 1);
  CHECK(trips[0].rtt == 3ms);
  CHECK(trips[0].payload == "coordinate");
  CHECK(f.core.health_score() == 0);
}

TEST_CASE("an answer to what was not asked is ignored") {
  node_fixture f;
  f.know(1);
  const auto [to, p] = f.next_probe();
  f.tell(ack{p.seq + 1, {}});
  CHECK(f.all<tell_round_trip>().empty());
}

TEST_CASE("a node that does not answer in time is tried through three others and a stream, with the same number") {
  node_fixture f;
  f.know(6);
  const auto [to, p] = f.next_probe();
  const nanos sent_at = f.now;
  CHECK(f.core.next_deadline() <= sent_at + 500ms);
  f.pass(500ms);
  size_t asked = 0, streams = 0;
  for (auto& e : f.core.drain()) {
    if (auto* packet = std::get_if<send_packet>(&e)) {
      for (auto& m : packet->messages) {
        const auto* i = std::get_if<indirect_ping>(&m);
        if (i == nullptr) continue;
        ++asked;
        CHECK(i->seq == p.seq);
        CHECK(i->node == p.node);
        CHECK(i->target == to);
        CHECK(i->nack);
        CHECK(packet->to != to);
      }
    } else if (auto* t = std::get_if<send_tcp_ping>(&e)) {
      ++streams;
      CHECK(t->to == to);
      CHECK(t->what.seq == p.seq);
      CHECK(t->deadline == sent_at + 1s);
    }
  }
  CHECK(asked == 3);
  CHECK(streams == 1);
}

TEST_CASE("an answer through others keeps a node from suspicion but measures no distance") {
  node_fixture f;
  f.know(4);
  const auto [to, p] = f.next_probe();
  f.pass(700ms);
  f.core.drain();
  f.tell(ack{p.seq, {}});
  f.pass(300ms);
  CHECK(f.state(p.node) == node_state::alive);
  CHECK(f.all<tell_round_trip>().empty());
}

TEST_CASE("an answer over a stream keeps a node from suspicion") {
  node_fixture f;
  f.know(4);
  const auto [to, p] = f.next_probe();
  f.pass(700ms);
  f.core.tcp_ping_ended(p.seq, true, f.now);
  f.pass(300ms);
  CHECK(f.state(p.node) == node_state::alive);
}

TEST_CASE("a host that says that nobody listens there makes the node suspect at once, and us no less healthy") {
  node_fixture f;
  f.know(4);
  const auto [to, p] = f.next_probe();
  f.pass(501ms);
  f.core.tcp_ping_refused(p.seq + 7, f.now);
  CHECK(f.state(p.node) == node_state::alive);
  f.core.tcp_ping_refused(p.seq, f.now);
  CHECK(f.state(p.node) == node_state::suspect);
  CHECK(f.core.health_score() == 0);
}

TEST_CASE("a node that nobody reaches within the probe interval is suspect, and that is told") {
  node_fixture f;
  f.know(4);
  const auto [to, p] = f.next_probe();
  f.pass(500ms);
  f.core.tcp_ping_ended(p.seq, false, f.now);
  f.pass(499ms);
  CHECK(f.state(p.node) == node_state::alive);
  f.pass(1ms);
  CHECK(f.state(p.node) == node_state::suspect);
  f.core.drain();
  f.pass(200ms);
  bool told = false;
  for (auto& [at, s] : f.sent<suspect>()) told |= s == suspect{1, p.node, "me"};
  CHECK(told);
}

TEST_CASE("whoever does not even hear that others tried trusts itself less") {
  node_fixture f;
  f.know(5);
  const auto [to, p] = f.next_probe();
  f.pass(600ms);
  f.tell(nack{p.seq}, place(3));
  f.pass(400ms);
  CHECK(f.core.health_score() == 2); // three were asked, one said that it tried
}

TEST_CASE("whoever hears that all others tried in vain trusts itself as before") {
  node_fixture f;
  f.know(5);
  const auto [to, p] = f.next_probe();
  f.pass(600ms);
  for (int i = 0; i < 3; ++i) f.tell(nack{p.seq}, place(3));
  f.pass(400ms);
  CHECK(f.core.health_score() == 0);
  CHECK(f.state(p.node) == node_state::suspect);
}

TEST_CASE("bad health gives the probed more time") {
  node_fixture f;
  f.know(4);
  f.tell(suspect{1, "me", "n2"});
  f.tell(suspect{2, "me", "n2"});
  CHECK(f.core.health_score() == 2);
  const auto [to, p] = f.next_probe();
  f.pass(2999ms);
  CHECK(f.state(p.node) == node_state::alive);
  f.pass(1ms);
  CHECK(f.state(p.node) == node_state::suspect);
}

TEST_CASE("a probe of a suspect brings the accusation along") {
  node_fixture f;
  f.know(1);
  f.tell(suspect{1, "n2", "n3"});
  f.core.drain();
  for (int i = 0; i < 20; ++i) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& packet : f.all<send_packet>()) {
      if (!std::holds_alternative<ping>(packet.messages[0])) continue;
      REQUIRE(packet.messages.size() == 2);
      CHECK(std::get<suspect>(packet.messages[1]) == suspect{1, "n2", "me"});
      CHECK(packet.checksum);
      return;
    }
  }
  FAIL("no probe");
}

TEST_CASE("a ping is answered to the address that it names, with our payload") {
  node_fixture f;
  f.core.set_ack_payload("here");
  f.tell(ping{9, "me", place(5, 99), "n5"}, place(200));
  const auto acks = f.sent<ack>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].first == place(5, 99));
  CHECK(acks[0].second == ack{9, "here"});
  f.tell(ping{10, "me", {}, {}}, place(200));
  CHECK(f.sent<ack>().at(0).first == place(200));
}

TEST_CASE("a ping for somebody else is not answered") {
  node_fixture f;
  f.tell(ping{9, "other", place(5), "n5"});
  CHECK(f.sent<ack>().empty());
  CHECK_FALSE(f.core.answer_tcp_ping({9, "other", {}, {}}));
  CHECK(f.core.answer_tcp_ping({9, "me", {}, {}}) == ack{9, {}});
}

TEST_CASE("a ping on behalf of another goes out under a number and address of our own, and its answer goes back") {
  node_fixture f;
  f.know(2);
  f.tell(indirect_ping{77, "n3", place(3), true, place(2), "n2"});
  const auto pings = f.sent<ping>();
  REQUIRE(pings.size() == 1);
  CHECK(pings[0].first == place(3));
  CHECK(pings[0].second.source == place(1));
  f.tell(ack{pings[0].second.seq, "payload"}, place(3));
  const auto acks = f.sent<ack>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].first == place(2));
  CHECK(acks[0].second == ack{77, {}});
  f.pass(600ms);
  CHECK(f.sent<nack>().empty());
}

TEST_CASE("a ping on behalf of another that is not answered in time is reported if wanted") {
  node_fixture f;
  f.know(2);
  f.tell(indirect_ping{77, "n3", place(3), true, place(2), "n2"});
  f.tell(indirect_ping{78, "n3", place(3), false, place(2), "n2"});
  f.pass(499ms);
  CHECK(f.sent<nack>().empty());
  f.pass(1ms);
  const auto nacks = f.sent<nack>();
  REQUIRE(nacks.size() == 1);
  CHECK(nacks[0].second.seq == 77);
  CHECK(nacks[0].first == place(2));
}

TEST_CASE("a flood of pings on behalf of others does not grow without bound") {
  node_fixture f;
  for (uint32_t i = 0; i < 100000; ++i) f.tell(indirect_ping{i, "n3", place(3), true, place(2), "n2"});
  CHECK(f.sent<ping>().size() == 1024);
}

TEST_CASE("a suspect is dead when its time is up, and four seconds are enough among three") {
  node_fixture f;
  f.know(2);
  f.tell(suspect{1, "n2", "n3"});
  f.pass(3999ms);
  CHECK(f.state("n2") == node_state::suspect);
  f.pass(1ms);
  CHECK(f.state("n2") == node_state::dead);
  CHECK(f.all<tell_member>().at(0).change == member_change::failed);
}

TEST_CASE("a suspect has six times as long while nobody confirms") {
  node_fixture f;
  f.know(5);
  f.tell(suspect{1, "n2", "n3"});
  f.pass_peacefully(23s);
  CHECK(f.state("n2") == node_state::suspect);
  f.tell(suspect{1, "n2", "n4"});
  f.tell(suspect{1, "n2", "n5"});
  f.pass(1ms);
  CHECK(f.state("n2") == node_state::dead); // more than the least time has passed
}

TEST_CASE("a confirmation is passed on, a repeated one is not") {
  node_fixture f;
  f.know(5);
  f.tell(suspect{1, "n2", "n3"});
  f.pass_peacefully(5s);
  CHECK(f.core.queued() == 0);
  f.tell(suspect{1, "n2", "n3"});
  CHECK(f.core.queued() == 0);
  f.tell(suspect{1, "n2", "n4"});
  CHECK(f.core.queued() == 1);
}

TEST_CASE("a suspect that refutes is alive again and its time is not up any more") {
  node_fixture f;
  f.know(2);
  f.tell(suspect{1, "n2", "n3"});
  f.tell(alive_of("n2", 2, 2));
  CHECK(f.state("n2") == node_state::alive);
  f.pass_peacefully(30s);
  CHECK(f.state("n2") == node_state::alive);
}
