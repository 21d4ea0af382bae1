#include "tests/actors/gossip/core/swim_fixture.hpp"

using namespace actord;
using namespace actord::gossip;

TEST_CASE("a node announces itself with incarnation 1") {
  swim_core core(settings::lan(), {"me", place(1), "tags", usual}, {}, prng(1), 0s);
  const auto told = core.drain();
  REQUIRE(told.size() == 1);
  CHECK(std::get<tell_member>(told[0]).node == node_report{"me", place(1), "tags", 1, node_state::alive, usual});
  CHECK(core.queued() == 1);
}

TEST_CASE("an unknown node that is alive joins and is passed on") {
  node_fixture f;
  f.tell(alive_of("n2", 2, 5, "m"));
  const auto told = f.all<tell_member>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].change == member_change::joined);
  CHECK(told[0].node.inc == 5);
  CHECK(f.core.queued() == 2);
}

TEST_CASE("an alive message of an incarnation that is known is old news") {
  node_fixture f;
  f.tell(alive_of("n2", 2, 5));
  f.core.drain();
  f.tell(alive_of("n2", 2, 5, "other"));
  f.tell(alive_of("n2", 2, 4, "other"));
  CHECK(f.all<tell_member>().empty());
  CHECK(f.core.find("n2")->meta.empty());
}

TEST_CASE("other tags with a higher incarnation are an update") {
  node_fixture f;
  f.know(1);
  f.tell(alive_of("n2", 2, 2, "other"));
  const auto told = f.all<tell_member>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].change == member_change::updated);
  CHECK(told[0].node.meta == "other");
}

TEST_CASE("messages without an address, with impossible versions or with tags that are too long are refused") {
  node_fixture f;
  auto a = alive_of("n2", 2);
  a.at.ip.clear();
  f.tell(a);
  a = alive_of("n2", 2);
  a.vsn.reset();
  f.tell(a);
  a = alive_of("n2", 2);
  a.vsn = versions{0, 0, 2, 2, 5, 4};
  f.tell(a);
  a = alive_of("n2", 2);
  a.vsn = versions{3, 2, 2, 2, 5, 4};
  f.tell(a);
  f.tell(alive_of("n2", 2, 1, std::string(513, 'x')));
  f.tell(alive_of("", 2));
  f.tell(alive_of("n2", 2, 0xffffffff));
  CHECK(f.core.find("n2") == nullptr);
  CHECK(f.core.members().size() == 1);
  CHECK(f.core.figures().refused == 7);
}

TEST_CASE("more nodes than the table may hold are not taken in") {
  auto s = settings::lan();
  s.members_max = 3;
  node_fixture f(s);
  for (uint8_t i = 2; i < 100; ++i) f.tell(alive_of("n" + std::to_string(i), i));
  CHECK(f.core.members().size() == 3);
}

TEST_CASE("the layer above may veto a node that is alive") {
  node_fixture f(settings::lan(), {[](const alive& a) -> std::optional<std::string> {
                   if (a.meta == "stranger") return "not ours";
                   return std::nullopt;
                 }, {}});
  f.tell(alive_of("n2", 2, 1, "stranger"));
  f.tell(alive_of("n3", 3, 1, "friend"));
  CHECK(f.core.find("n2") == nullptr);
  CHECK(f.core.find("n3") != nullptr);
}

TEST_CASE("the name of a node that is alive cannot be taken by another address") {
  node_fixture f;
  f.know(1);
  f.tell(alive_of("n2", 9, 7));
  const auto conflicts = f.all<tell_conflict>();
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0].known.at == place(2));
  CHECK(conflicts[0].claimant.at == place(9));
  CHECK(f.core.find("n2")->at == place(2));
  CHECK(f.core.find("n2")->inc == 1);
}

TEST_CASE("the name of a node that has left is free at once, even with a lower incarnation") {
  node_fixture f;
  f.tell(alive_of("n2", 2, 5));
  f.tell(dead{5, "n2", "n2"});
  f.core.drain();
  f.tell(alive_of("n2", 9, 1));
  CHECK(f.state("n2") == node_state::alive);
  CHECK(f.core.find("n2")->at == place(9));
  CHECK(f.all<tell_member>().at(0).change == member_change::joined);
}

TEST_CASE("the name of a dead node is free after the reclaim time and not before") {
  node_fixture f(settings::consul_lan());
  f.tell(alive_of("n2", 2));
  f.tell(dead{1, "n2", "n3"});
  f.core.drain();
  f.now += 29s;
  f.tell(alive_of("n2", 9, 2));
  CHECK(f.all<tell_conflict>().size() == 1);
  CHECK(f.state("n2") == node_state::dead);
  f.now += 2s;
  f.tell(alive_of("n2", 9, 1));
  CHECK(f.state("n2") == node_state::alive);
}

TEST_CASE("a dead node that says the same of itself as before is free to be elsewhere at once") {
  node_fixture f(settings::consul_lan());
  f.tell(alive_of("n2", 2, 7, "id=1"));
  f.tell(alive_of("n2", 9, 8, "id=1"));
  CHECK(f.core.find("n2")->at == place(2)); // it lives
  f.tell(dead{7, "n2", "n3"});
  f.tell(alive_of("n2", 9, 8, "id=2"));
  CHECK(f.state("n2") == node_state::dead);
  f.tell(alive_of("n2", 9, 7, "id=1")); // said before it died
  CHECK(f.state("n2") == node_state::dead);
  f.tell(alive_of("n2", 9, 8, "id=1"));
  CHECK(f.state("n2") == node_state::alive);
  CHECK(f.core.find("n2")->at == place(9));
}

TEST_CASE("without a reclaim time a dead node's name is never free for another address") {
  node_fixture f(settings::lan());
  f.tell(alive_of("n2", 2));
  f.tell(dead{1, "n2", "n3"});
  f.now += 24h;
  f.tell(alive_of("n2", 9, 7));
  CHECK(f.state("n2") == node_state::dead);
}

TEST_CASE("a dead node comes back from the same address with a higher incarnation") {
  node_fixture f;
  f.tell(alive_of("n2", 2));
  f.tell(dead{1, "n2", "n3"});
  f.core.drain();
  f.tell(alive_of("n2", 2, 1));
  CHECK(f.state("n2") == node_state::dead);
  f.tell(alive_of("n2", 2, 2));
  CHECK(f.state("n2") == node_state::alive);
  CHECK(f.all<tell_member>().at(0).change == member_change::joined);
}

TEST_CASE("dead by its own word means left, by another's failed") {
  node_fixture f;
  f.know(2);
  f.tell(dead{1, "n2", "n2"});
  f.tell(dead{1, "n3", "n2"});
  const auto told = f.all<tell_member>();
  REQUIRE(told.size() == 2);
  CHECK(told[0].change == member_change::left);
  CHECK(told[1].change == member_change::failed);
  CHECK(f.state("n2") == node_state::left);
  CHECK(f.state("n3") == node_state::dead);
}

TEST_CASE("a death of an older incarnation, or of nobody, is ignored") {
  node_fixture f;
  f.tell(alive_of("n2", 2, 5));
  f.core.drain();
  f.tell(dead{4, "n2", "n3"});
  f.tell(dead{4, "nobody", "n3"});
  CHECK(f.state("n2") == node_state::alive);
  CHECK(f.all<tell_member>().empty());
}

TEST_CASE("whoever accuses us of being suspect or dead is refuted with a higher incarnation") {
  node_fixture f;
  f.tell(suspect{1, "me", "n2"});
  CHECK(f.core.find("me")->inc == 2);
  CHECK(f.core.health_score() == 1);
  f.tell(dead{40, "me", "n2"});
  CHECK(f.core.find("me")->inc == 41);
  CHECK(f.state("me") == node_state::alive);
  f.tell(suspect{2, "me", "n2"});
  CHECK(f.core.find("me")->inc == 41); // older than what we said last
  CHECK(f.core.figures().refuted == 2);
}

TEST_CASE("what we said before a restart with other tags is refuted, the very same is not") {
  node_fixture f;
  f.tell(alive_of("me", 1, 1));
  CHECK(f.core.find("me")->inc == 1);
  f.tell(alive_of("me", 1, 1, "old tags"));
  CHECK(f.core.find("me")->inc == 2);
  f.tell(alive_of("me", 1, 9));
  CHECK(f.core.find("me")->inc == 10);
}

TEST_CASE("our name at another address is a conflict and changes nothing here") {
  node_fixture f;
  f.tell(alive_of("me", 9, 9));
  CHECK(f.all<tell_conflict>().size() == 1);
  CHECK(f.core.find("me")->inc == 1);
}

TEST_CASE("other tags of our own raise the incarnation and are told upward and outward") {
  node_fixture f;
  REQUIRE(f.core.update_meta("new", f.now).ok());
  CHECK(f.core.find("me")->inc == 2);
  CHECK(f.all<tell_member>().at(0).change == member_change::updated);
  CHECK_FALSE(f.core.update_meta(std::string(513, 'x'), f.now).ok());
}

TEST_CASE("whoever leaves says so until all were told as often as they should be") {
  node_fixture f;
  f.know(3);
  f.core.leave(5s, f.now);
  CHECK(f.state("me") == node_state::left);
  nanos told{0};
  const nanos began = f.now;
  size_t farewells = 0;
  while (told == 0s && f.now < began + 10s) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& e : f.core.drain()) {
      if (auto* p = std::get_if<send_packet>(&e)) {
        for (auto& m : p->messages) farewells += std::holds_alternative<dead>(m) && std::get<dead>(m).node == "me" ? 1 : 0;
      }
      if (auto* left = std::get_if<tell_left>(&e)) {
        CHECK(left->told_others);
        told = f.now;
      }
    }
  }
  CHECK(farewells == 4);
  CHECK(told < began + 2s);
}

TEST_CASE("whoever leaves alone has nobody to tell") {
  node_fixture f;
  f.core.leave(5s, f.now);
  CHECK(f.all<tell_left>().at(0).told_others);
}

TEST_CASE("whoever left does not come back by what others say about it") {
  node_fixture f;
  f.know(1);
  f.core.leave(5s, f.now);
  f.tell(alive_of("me", 1, 9));
  f.tell(dead{9, "me", "n2"});
  CHECK(f.state("me") == node_state::left);
}

TEST_CASE("the dead are forgotten some time later, the left are kept") {
  node_fixture f;
  f.know(3);
  f.tell(dead{1, "n2", "n3"});
  f.tell(dead{1, "n4", "n4"});
  f.pass_peacefully(35s);
  CHECK(f.core.find("n2") == nullptr);
  CHECK(f.core.find("n3") != nullptr);
  REQUIRE(f.core.find("n4") != nullptr);
  f.pass_peacefully(25h);
  CHECK(f.core.find("n4") == nullptr);
}

TEST_CASE("who accuses us is answered at once, not only by gossip") {
  node_fixture f;
  f.know(3);
  f.tell(suspect{1, "me", "n3"}, place(2));
  const auto said = f.sent<alive>();
  REQUIRE(said.size() == 1);
  CHECK(said[0].first == place(3));
  CHECK(said[0].second.node == "me");
  CHECK(said[0].second.inc == 2);
}

TEST_CASE("one forged message cannot use up an incarnation counter") {
  node_fixture f;
  f.know(2);
  f.tell(suspect{0xfffffffe, "me", "n2"});
  CHECK(f.core.find("me")->inc == 1);
  f.tell(dead{0xfffffffe, "n3", "n2"});
  CHECK(f.state("n3") == node_state::alive);
  f.tell(alive_of("n3", 3, 0xfffffffe));
  CHECK(f.core.find("n3")->inc == 1);
  // A restarted node may meet a much higher incarnation of its former life, and must be able to go beyond it.
  f.tell(suspect{1000000, "me", "n2"});
  CHECK(f.core.find("me")->inc == 1000001);
}

TEST_CASE("a refutation is told before any amount of news about others") {
  node_fixture f;
  f.know(2);
  for (int i = 0; i < 20000; ++i) f.tell(alive_of("stranger" + std::to_string(i), static_cast<uint8_t>(i % 200 + 20)));
  f.tell(suspect{1, "me", "unknown"});
  f.core.drain();
  f.pass(300ms);
  bool told = false;
  for (auto& [to, a] : f.sent<alive>()) told |= a.node == "me" && a.inc == 2;
  CHECK(told);
}

TEST_CASE("a newcomer takes in members whose incarnation was driven far up") {
  node_fixture f;
  f.core.push_pull_answered(f.core.exchange(place(2), true, f.now), {true, {report_of("n2", 2, 1u << 30)}, {}}, f.now);
  REQUIRE(f.core.find("n2") != nullptr);
  CHECK(f.core.find("n2")->inc == 1u << 30);
  f.tell(alive_of("n3", 3, 1u << 30));
  f.core.push_pull_arrived(1, {true, {report_of("n4", 4, 1u << 30)}, {}}, place(4), f.now);
  CHECK(f.core.find("n3") == nullptr); // only when it has asked
  CHECK(f.core.find("n4") == nullptr);
}

TEST_CASE("who restarted comes back, however much the others remember of it, when it was it that asked") {
  node_fixture f;
  const push_pull theirs{true, {report_of("me", 1, 1u << 30, node_state::dead)}, {}};
  f.core.push_pull_arrived(1, theirs, place(2), f.now);
  CHECK(f.core.find("me")->inc == 1);
  f.core.push_pull_answered(f.core.exchange(place(2), true, f.now), theirs, f.now);
  CHECK(f.core.find("me")->inc == (1u << 30) + 1);
  CHECK(f.core.find("me")->state == node_state::alive);
  const push_pull greatest{true, {report_of("me", 1, 0xfffffffe)}, {}};
  f.core.push_pull_answered(f.core.exchange(place(2), true, f.now), greatest, f.now);
  CHECK(f.core.find("me")->inc == (1u << 30) + 1); // there would be no way further
}

TEST_CASE("whom others find asks one of them soon, unless it has met somebody") {
  node_fixture f;
  const push_pull theirs{true, {report_of("n2", 2)}, {}};
  f.core.push_pull_arrived(1, theirs, place(2), f.now);
  f.core.drain();
  f.pass(2s);
  const auto asked = f.all<open_push_pull>();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].to == place(2));
  f.core.push_pull_answered(asked[0].id, theirs, f.now);
  CHECK(f.all<tell_push_pull>().at(0).met_others);
  f.core.push_pull_arrived(2, theirs, place(2), f.now);
  f.core.drain();
  f.pass(2s);
  CHECK(f.all<open_push_pull>().empty());
  f.core.push_pull_answered(f.core.exchange(place(1), true, f.now), {true, {report_of("me", 1)}, {}}, f.now);
  CHECK(!f.all<tell_push_pull>().at(0).met_others);
}
