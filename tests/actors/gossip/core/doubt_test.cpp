#include "tests/actors/gossip/core/swim_fixture.hpp"

using namespace actord;
using namespace actord::gossip;

namespace {

struct doubting_fixture : node_fixture {
  explicit doubting_fixture(settings s = settings::consul_lan()) : node_fixture(s, {}, true) {}
  // Others that are alive, known by an exchange of states.
  void befriend(int others) {
    push_pull all{false, {}, {}};
    for (int i = 2; i < 2 + others; ++i) all.nodes.push_back(report_of("n" + std::to_string(i), static_cast<uint8_t>(i)));
    core.push_pull_arrived(1, all, place(2), now);
    core.drain();
  }
  bool knows(std::string_view name) const { return core.find(name) != nullptr; }
};

} // namespace

TEST_CASE("a stranger of whom a packet tells is asked, and joins when it answers from there") {
  doubting_fixture f;
  f.tell(alive_of("n9", 9, 5, "m"), place(50));
  CHECK_FALSE(f.knows("n9"));
  auto pings = f.sent<ping>();
  REQUIRE(pings.size() == 1);
  CHECK(pings[0].first == place(9));
  CHECK(pings[0].second.node == "n9");
  f.tell(ack{pings[0].second.seq, {}}, place(66));
  CHECK_FALSE(f.knows("n9"));
  f.tell(ack{pings[0].second.seq + 1, {}}, place(9));
  CHECK_FALSE(f.knows("n9"));
  f.tell(ack{pings[0].second.seq, {}}, place(9));
  REQUIRE(f.knows("n9"));
  CHECK(f.core.find("n9")->inc == 5);
  CHECK(f.core.find("n9")->meta == "m");
  CHECK(f.all<tell_member>().size() == 1);
  CHECK(f.core.waiting() == 0);
}

TEST_CASE("whom an exchange of states brings needs no answer") {
  doubting_fixture f;
  f.befriend(3);
  CHECK(f.knows("n4"));
  CHECK(f.core.waiting() == 0);
}

TEST_CASE("any number of spoofed members takes bounded room, few pings and no news, and does not keep out whom a member tells of") {
  doubting_fixture f;
  f.befriend(3);
  f.pass_peacefully(20s);
  size_t pings = 0;
  for (int i = 0; i < 100000; ++i) {
    f.tell(alive_of("ghost" + std::to_string(i), static_cast<uint8_t>(i % 200 + 20)), place(99));
    pings += f.sent<ping>().size();
  }
  CHECK(f.core.members().size() == 4);
  CHECK(f.core.waiting() == waiting_room::capacity);
  CHECK(pings <= 1024);
  CHECK(f.core.queued() == 0);
  f.tell(alive_of("n9", 9), place(3));
  CHECK(f.knows("n9"));
  f.pass_peacefully(10s);
  CHECK(f.core.waiting() == 0);
}

TEST_CASE("the dead and those that left come back only when they answer") {
  doubting_fixture f;
  f.befriend(3);
  push_pull gone{false, {report_of("n2", 2, 1, node_state::left)}, {}};
  f.core.push_pull_arrived(2, gone, place(3), f.now);
  REQUIRE(f.state("n2") == node_state::left);
  f.core.drain();
  f.tell(alive_of("n2", 9, 2), place(66));
  CHECK(f.state("n2") == node_state::left);
  const auto asked = f.sent<ping>();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].first == place(9));
  f.tell(ack{asked[0].second.seq, {}}, place(9));
  CHECK(f.state("n2") == node_state::alive);
  CHECK(f.core.find("n2")->at == place(9));
}

// ---- the accused ----------------------------------------------------------------------------------------------------

TEST_CASE("a death that a packet tells of is asked about, passed on, and believed when nothing comes back") {
  doubting_fixture f;
  f.befriend(4);
  f.tell(dead{1, "n3", "n2"}, place(2));
  CHECK(f.state("n3") == node_state::alive);
  size_t asked = 0, told = 0;
  for (auto& p : f.all<send_packet>())
    for (auto& m : p.messages)
      if (auto* s = std::get_if<suspect>(&m)) asked += s->node == "n3" && p.to == place(3) ? 1 : 0;
  CHECK(asked == 1);
  f.pass(1100ms);
  for (auto& e : f.core.drain())
    if (auto* m = std::get_if<tell_member>(&e)) told += m->change == member_change::failed ? 1 : 0;
  CHECK(told == 1);
  CHECK(f.state("n3") == node_state::dead);
}

TEST_CASE("who answers is not dead, and who refutes has not left, for whoever watches") {
  doubting_fixture f;
  f.befriend(4);
  f.tell(dead{1, "n3", "n2"}, place(66));
  const auto asked = f.sent<ping>();
  REQUIRE(asked.size() == 1);
  f.tell(ack{asked[0].second.seq, {}}, place(3));
  f.tell(dead{1, "n4", "n4"}, place(66));
  CHECK(f.sent<suspect>().size() == 1);
  f.tell(alive_of("n4", 4, 2), place(4));
  f.tell(dead{1, "n5", "n5"}, place(5));
  std::vector<tell_member> told;
  const nanos until = f.now + 1500ms;
  while (f.core.next_deadline() <= until) {
    f.now = std::max(f.now, f.core.next_deadline());
    f.core.tick(f.now);
    for (auto& e : f.core.drain()) {
      if (auto* m = std::get_if<tell_member>(&e)) told.push_back(*m);
      if (auto* p = std::get_if<send_packet>(&e))
        for (auto& m : p->messages)
          if (auto* x = std::get_if<ping>(&m)) f.core.receive(ack{x->seq, {}}, p->to, f.now);
    }
  }
  REQUIRE(told.size() == 1);
  CHECK(told[0].change == member_change::left);
  CHECK(told[0].node.name == "n5");
}

TEST_CASE("suspicions that anybody confirms kill nobody who answers") {
  doubting_fixture f;
  f.befriend(4);
  f.tell(suspect{5000000, "n3", "a"}, place(66));
  f.tell(suspect{5000000, "n3", "b"}, place(66));
  f.tell(suspect{5000000, "n3", "c"}, place(66));
  CHECK(f.state("n3") == node_state::suspect);
  CHECK(f.core.find("n3")->inc == 1);
  f.pass_peacefully(30s);
  CHECK(f.state("n3") == node_state::alive);
  CHECK(f.core.figures().declared_dead == 0);
}

TEST_CASE("forged incarnations cannot use up a counter, whoever is told of them") {
  doubting_fixture f;
  f.befriend(4);
  for (incarnation leap = 1; leap < 250; ++leap) {
    f.tell(suspect{leap << 24, "me", "n2"}, place(66));
    f.tell(alive_of("n3", 3, leap << 24), place(66));
    f.tell(suspect{leap << 24, "n4", "n2"}, place(66));
    f.tell(dead{leap << 24, "n5", "n5"}, place(66));
  }
  CHECK(f.core.find("me")->inc < 1u << 30);
  CHECK(f.core.find("n3")->inc <= 2u << 24);
  CHECK(f.core.find("n4")->inc == 1);
  f.pass_peacefully(30s);
  for (const auto* m : f.core.members()) CHECK(m->state == node_state::alive);
}

// ---- packets that were dropped -----------------------------------------------------------------------------------

namespace {

struct deaf_fixture : doubting_fixture {
  deaf_fixture() {
    befriend(3);
    pass_peacefully(10s);
    core.drain();
  }
  // Nothing comes in but what the test lets in, and packets are dropped all the time; the first ping by stream to n2 that did not end yet.
  std::optional<send_tcp_ping> pass_deaf(nanos by, bool only_last_words = false) {
    for (const nanos until = now + by; now < until; now += 100ms) {
      core.missed_packets(now);
      core.tick(now);
      for (auto& e : core.drain()) {
        if (auto* t = std::get_if<send_tcp_ping>(&e); t != nullptr && t->to == place(2) && (!only_last_words || state("n2") != node_state::alive)) return *t;
        if (auto* x = std::get_if<open_push_pull>(&e); x != nullptr && x->to == place(2)) exchanged = x->id;
      }
    }
    return {};
  }
  stream_id exchanged = 0;
};

} // namespace

TEST_CASE("while packets are dropped, who is said to be dead is asked by stream before it is believed") {
  deaf_fixture f;
  f.core.missed_packets(f.now);
  CHECK(f.core.health_score() == 2);
  f.tell(dead{1, "n2", "n3"}, place(3));
  const auto asked = f.pass_deaf(5s);
  REQUIRE(asked);
  CHECK(f.state("n2") == node_state::alive);
  SUBCASE("an answer acquits it") {
    f.core.tcp_ping_ended(asked->what.seq, true, f.now);
    f.pass_deaf(500ms);
    CHECK(f.state("n2") == node_state::alive);
  }
  SUBCASE("two refusals prove it") {
    f.core.tcp_ping_refused(asked->what.seq, f.now);
    CHECK(f.state("n2") == node_state::alive);
    const auto again = f.pass_deaf(1s);
    REQUIRE(again);
    f.core.tcp_ping_refused(again->what.seq, f.now);
    CHECK(f.state("n2") == node_state::dead);
  }
  SUBCASE("an answer does not acquit who says by now that it leaves") {
    f.tell(dead{1, "n2", "n2"}, place(3));
    f.core.tcp_ping_ended(asked->what.seq, true, f.now);
    f.pass_deaf(1s);
    REQUIRE(f.exchanged != 0);
    f.core.push_pull_answered(f.exchanged, {false, {report_of("n2", 2, 1, node_state::left)}, {}}, f.now);
    CHECK(f.state("n2") == node_state::left);
  }
  SUBCASE("silence proves it in the end") {
    f.core.tcp_ping_ended(asked->what.seq, false, f.now);
    f.pass(500ms);
    CHECK(f.state("n2") == node_state::alive);
    f.pass(10s);
    CHECK(f.state("n2") == node_state::dead);
  }
}

TEST_CASE("without dropped packets a death is believed as fast as ever") {
  deaf_fixture f;
  f.tell(dead{1, "n2", "n3"}, place(3));
  f.pass(1100ms);
  CHECK(f.state("n2") == node_state::dead);
  CHECK(f.core.health_score() <= 1);
}

TEST_CASE("while packets are dropped, who is said to have left is asked for its state") {
  deaf_fixture f;
  f.core.missed_packets(f.now);
  f.tell(dead{1, "n2", "n2"}, place(3));
  f.pass_deaf(2s);
  REQUIRE(f.exchanged != 0);
  CHECK(f.state("n2") == node_state::alive);
  SUBCASE("it stays") { f.core.push_pull_answered(f.exchanged, {false, {report_of("n2", 2)}, {}}, f.now); CHECK(f.state("n2") == node_state::alive); }
  SUBCASE("it says so") { f.core.push_pull_answered(f.exchanged, {false, {report_of("n2", 2, 1, node_state::left)}, {}}, f.now); CHECK(f.state("n2") == node_state::left); }
  SUBCASE("it is gone") { f.core.push_pull_failed(f.exchanged, "refused", f.now); f.pass(20s); CHECK(f.state("n2") == node_state::left); }
}

TEST_CASE("a suspicion that runs out while packets are dropped ends with a last word by stream") {
  deaf_fixture f;
  f.tell(suspect{1, "n2", "n3"}, place(3));
  REQUIRE(f.state("n2") == node_state::suspect);
  // Its probes and those of others go unanswered, too, until the suspicion is over: the last ping by stream is the verdict's.
  std::optional<send_tcp_ping> last;
  for (int i = 0; i < 100 && f.state("n2") == node_state::suspect; ++i)
    if (auto asked = f.pass_deaf(1s, true)) {
      last = asked;
      // Probes end unanswered; a verdict's question would end the life of n2.
      if (f.core.figures().declared_dead == 0 && f.core.find("n2")->suspected == nullptr) break;
    }
  REQUIRE(last);
  REQUIRE(f.state("n2") == node_state::suspect);
  CHECK(f.core.figures().declared_dead == 0);
  SUBCASE("an answer acquits") {
    f.core.tcp_ping_ended(last->what.seq, true, f.now);
    CHECK(f.state("n2") == node_state::alive);
  }
  SUBCASE("none condemns, and others are told") {
    f.core.drain();
    f.core.tcp_ping_ended(last->what.seq, false, f.now);
    for (int i = 0; i < 20 && f.state("n2") != node_state::dead; ++i) f.pass(1s);
    CHECK(f.state("n2") == node_state::dead);
    CHECK(f.core.figures().declared_dead == 1);
    CHECK(f.core.queued() > 0);
  }
}

TEST_CASE("ourselves are trusted again when packets are no longer dropped") {
  deaf_fixture f;
  for (int i = 0; i < 20; ++i) f.core.missed_packets(f.now += 1s);
  CHECK(f.core.health_score() == 7);
  f.pass_peacefully(30s);
  CHECK(f.core.health_score() == 0);
}

TEST_CASE("who is said to be dead, and hears no packets, is asked by stream within the time in which it may object") {
  deaf_fixture f;
  f.tell(dead{1, "n2", "n3"}, place(3));
  const nanos told = f.now;
  std::optional<send_tcp_ping> asked;
  while (!asked && f.now < told + 1s) {
    f.pass(100ms);
    for (auto& t : f.all<send_tcp_ping>())
      if (t.to == place(2)) asked = t;
  }
  REQUIRE(asked);
  CHECK(f.now - told <= 500ms);
  SUBCASE("it answers") {
    f.core.tcp_ping_ended(asked->what.seq, true, f.now);
    f.pass(1s);
    CHECK(f.state("n2") == node_state::alive);
  }
  SUBCASE("nobody listens there: that is believed at once") {
    f.core.tcp_ping_refused(asked->what.seq, f.now);
    CHECK(f.state("n2") == node_state::dead);
  }
  SUBCASE("silence takes no longer than without") {
    f.pass(told + 1s - f.now);
    CHECK(f.state("n2") == node_state::dead);
  }
}

TEST_CASE("a suspect has a last word by stream, within the time of its suspicion") {
  deaf_fixture f;
  f.tell(suspect{1, "n2", "n3"}, place(3));
  REQUIRE(f.state("n2") == node_state::suspect);
  nanos until = f.core.find("n2")->suspected->deadline(); // confirmations bring it nearer
  std::optional<send_tcp_ping> asked;
  while (!asked && f.now < until) {
    if (const auto& s = f.core.find("n2")->suspected) until = s->deadline();
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& e : f.core.drain()) {
      if (auto* t = std::get_if<send_tcp_ping>(&e); t != nullptr && f.core.find("n2")->suspected == nullptr) asked = *t;
      if (auto* p = std::get_if<send_packet>(&e); p != nullptr && p->to != place(2))
        for (auto& m : p->messages)
          if (auto* x = std::get_if<ping>(&m)) f.core.receive(ack{x->seq, {}}, p->to, f.now);
    }
  }
  REQUIRE(asked);
  CHECK(until - f.now == 1s);
  SUBCASE("it answers") {
    f.core.tcp_ping_ended(asked->what.seq, true, f.now);
    CHECK(f.state("n2") == node_state::alive);
    CHECK(f.core.figures().declared_dead == 0);
  }
  SUBCASE("silence takes no longer than without") {
    f.pass(until - f.now);
    CHECK(f.state("n2") == node_state::dead);
    CHECK(f.core.figures().declared_dead == 1);
  }
}

TEST_CASE("while packets are dropped, any number of accused is asked by stream, some at a time, before one of them is believed dead") {
  doubting_fixture f;
  f.befriend(100);
  for (int n = 2; n < 102; ++n) f.tell(dead{1, "n" + std::to_string(n), "somebody"}, place(101));
  std::set<node_name> asked;
  size_t under_way = 0;
  std::vector<sequence> open;
  for (int i = 0; i < 600; ++i) {
    f.core.missed_packets(f.now);
    f.core.tick(f.now);
    for (auto& t : f.all<send_tcp_ping>()) {
      asked.insert(t.what.node);
      open.push_back(t.what.seq);
    }
    under_way = std::max(under_way, open.size());
    if (i % 5 == 4)
      for (auto seq : std::exchange(open, {})) f.core.tcp_ping_ended(seq, true, f.now);
    f.now += 100ms;
  }
  CHECK(asked.size() == 100);
  CHECK(under_way <= 33); // and one probe
  for (int n = 2; n < 102; ++n) CHECK(f.state("n" + std::to_string(n)) != node_state::dead);
}
