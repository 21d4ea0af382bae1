#include "actors/members/core/member_core.hpp"
#include "actors/members/core/wire.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::members;
using namespace std::chrono_literals;

namespace {

gossip::node_report report(const node_name& n, char last = 1) {
  return {n, {std::string{127, 0, 0, last}, 8301}, "\xff\x80", 1, gossip::node_state::alive, gossip::versions{1, 5, 2, 2, 5, 4}};
}

struct fixture {
  lamport_clock clock;
  prng random{1};
  outbox out;
  member_core core;
  explicit fixture(member_options o = {}) : core((o.self = "me", o), clock, random, out) {
    core.joined(0s, report("me"));
    core.joined(0s, report("other", 2));
    out.clear();
  }
  template <class T> std::vector<T> take() {
    std::vector<T> got;
    for (const auto& e : std::exchange(out, {}))
      if (const auto* x = std::get_if<T>(&e)) got.push_back(*x);
    return got;
  }
  member_change only_change() {
    const auto events = take<tell_member_event>();
    REQUIRE(events.size() == 1);
    return events[0].change;
  }
  member_status status_of(const node_name& n) {
    const auto* m = core.find(n);
    return m == nullptr ? member_status::none : m->status;
  }
};

} // namespace

TEST_CASE("a member that is gone without a word has failed, one that said so has left") {
  fixture f;
  f.core.joined(0s, report("third"));
  CHECK(f.only_change() == member_change::join);
  f.core.gone(1s, "third");
  CHECK(f.status_of("third") == member_status::failed);
  CHECK(f.only_change() == member_change::failed);
  CHECK(f.core.take(1s, leave_intent{5, "other"}));
  CHECK(f.status_of("other") == member_status::leaving);
  CHECK(f.out.empty());
  f.core.gone(2s, "other");
  CHECK(f.status_of("other") == member_status::left);
  CHECK(f.only_change() == member_change::leave);
  f.core.gone(3s, "other"); // again
  CHECK(f.out.empty());
  CHECK(f.core.alive() == 1);
}

TEST_CASE("intents count by Lamport time, not by when they come") {
  fixture f;
  CHECK(f.core.take(0s, leave_intent{5, "other"}));
  CHECK_FALSE(f.core.take(0s, leave_intent{5, "other"}));
  CHECK_FALSE(f.core.take(0s, join_intent{4, "other"}));
  CHECK(f.status_of("other") == member_status::leaving);
  CHECK(f.core.take(0s, join_intent{6, "other"}));
  CHECK(f.status_of("other") == member_status::alive);
  CHECK_FALSE(f.core.take(0s, leave_intent{6, "other"}));
  CHECK(f.status_of("other") == member_status::alive);
  CHECK(f.clock.time() == 7);
}

TEST_CASE("an intent of a node that is not known yet waits for it, and the newest counts") {
  fixture f;
  CHECK(f.core.take(0s, join_intent{3, "late"}));
  CHECK(f.core.take(0s, leave_intent{5, "late"}));
  CHECK_FALSE(f.core.take(0s, join_intent{4, "late"}));
  f.core.joined(1s, report("late"));
  CHECK(f.status_of("late") == member_status::leaving);
  CHECK(f.core.find("late")->status_time == 5);
  const auto asked = f.take<send_direct>(); // who stays says so: a stranger may have spoken for it
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].node == "late");
  CHECK(*decode(asked[0].bytes) == serf_message(leave_intent{5, "late", false}));
  CHECK(f.core.take(1s, join_intent{6, "late"}));
  CHECK(f.status_of("late") == member_status::alive);
  const auto told = f.take<tell_member_event>(); // else a server that had left would be left out by Raft for ever
  REQUIRE(told.size() == 1);
  CHECK(told[0].change == member_change::update);
  CHECK(told[0].who.status == member_status::alive);
  // Too late: forgotten after a while.
  f.core.tick(0s);
  CHECK(f.core.take(0s, leave_intent{5, "later"}));
  f.core.tick(6min);
  f.core.joined(6min, report("later"));
  CHECK(f.status_of("later") == member_status::alive);
}

// The packet that says that it is back, and that it leaves, brings the latter first: the former is asked of its subject.
TEST_CASE("who comes back and leaves at once has left, though its farewell came before it was seen again") {
  for (const bool had_left : {true, false}) {
    fixture f;
    f.core.tick(0s);
    if (had_left) CHECK(f.core.take(0s, leave_intent{5, "other"}));
    f.core.gone(0s, "other");
    CHECK(f.core.take(1s, join_intent{8, "other"}));
    CHECK(f.core.take(1s, leave_intent{9, "other"}));
    CHECK(f.status_of("other") == member_status::left);
    f.out.clear();
    f.core.joined(2s, report("other", 2));
    CHECK(f.status_of("other") == member_status::leaving);
    CHECK(f.take<send_direct>().size() == 1);
    f.core.gone(3s, "other");
    CHECK(f.status_of("other") == member_status::left);
    f.core.joined(4s, report("other", 2)); // once more, and stays
    CHECK(f.status_of("other") == member_status::alive);
  }
}

TEST_CASE("who was forced to leave and comes back takes that back, and those who heard that it leaves hear that it stays") {
  fixture f;
  f.core.gone(0s, "other");
  CHECK(f.core.take(1s, leave_intent{9, "other"}));
  f.core.joined(2s, report("other", 2));
  f.out.clear();
  CHECK(f.core.take(2s, join_intent{10, "other"}));
  const auto told = f.take<tell_member_event>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].change == member_change::update);
  CHECK(told[0].who.status == member_status::alive);
  // Long after, nothing is to be taken back.
  f.core.gone(3s, "other");
  CHECK(f.core.take(4s, leave_intent{12, "other"}));
  f.core.joined(305s, report("other", 2));
  CHECK(f.status_of("other") == member_status::alive);
}

TEST_CASE("a million invented nodes take bounded memory and are not spread") {
  fixture f;
  size_t spread = 0;
  for (int i = 0; i < 1'000'000; ++i) spread += f.core.take(0s, join_intent{1, "ghost" + std::to_string(i)}) ? 1 : 0;
  CHECK(spread == 4100);
  CHECK(f.core.all().size() == 2);
}

TEST_CASE("whoever is alive contradicts that it left") {
  fixture f;
  CHECK_FALSE(f.core.take(0s, leave_intent{9, "me"}));
  CHECK(f.status_of("me") == member_status::alive);
  const auto sent = f.take<broadcast>();
  REQUIRE(sent.size() == 1);
  CHECK(*decode(sent[0].bytes) == serf_message(join_intent{10, "me"}));
}

TEST_CASE("force-leave makes a failed member a left one, and with prune forgets it") {
  fixture f;
  f.core.gone(0s, "other");
  f.out.clear();
  REQUIRE(f.core.force_leave(1s, "other", false).ok());
  CHECK(f.status_of("other") == member_status::left);
  CHECK(f.only_change() == member_change::leave);
  REQUIRE(f.core.force_leave(1s, "other", true).ok());
  CHECK(f.status_of("other") == member_status::none);
  CHECK(f.only_change() == member_change::reap);
  CHECK(f.core.force_leave(1s, "nobody", false).err().code == errc::not_found);
}

TEST_CASE("a member that is pruned while leaving is forgotten when it had the time to go") {
  fixture f;
  f.core.tick(0s);
  CHECK(f.core.take(1s, leave_intent{5, "other", true}));
  CHECK(f.status_of("other") == member_status::leaving);
  CHECK(f.core.wake_at() == 9s);
  f.core.gone(3s, "other");
  f.core.tick(8s);
  CHECK(f.status_of("other") == member_status::left);
  f.core.tick(9s);
  CHECK(f.status_of("other") == member_status::none);
}

TEST_CASE("who contradicts that it leaves is not forgotten, whatever was due") {
  fixture f;
  f.core.tick(0s);
  CHECK(f.core.take(1s, leave_intent{5, "other", true}));
  CHECK(f.core.take(2s, join_intent{6, "other"}));
  for (const auto t : {9s, 15s, 60s, 600s}) f.core.tick(t);
  CHECK(f.status_of("other") == member_status::alive);
  f.core.gone(601s, "other"); // nothing of it is left, either
  CHECK(f.status_of("other") == member_status::failed);
}

TEST_CASE("a pruned member that gossip still sees is forgotten when it goes, not before") {
  fixture f;
  f.core.tick(0s);
  CHECK(f.core.take(1s, leave_intent{5, "other", true}));
  f.core.tick(9s);
  f.core.tick(20s);
  CHECK(f.status_of("other") == member_status::leaving);
  CHECK(f.core.wake_at() > 20s);
  f.out.clear();
  f.core.gone(21s, "other");
  CHECK(f.status_of("other") == member_status::none);
  const auto told = f.take<tell_member_event>();
  REQUIRE(told.size() == 2);
  CHECK(told[0].change == member_change::leave);
  CHECK(told[1].change == member_change::reap);
}

TEST_CASE("an intent to leave that never comes true is forgotten, so that a later crash is a crash") {
  fixture f;
  f.core.tick(0s);
  CHECK(f.core.take(1s, leave_intent{5, "other", true}));
  CHECK(f.core.take(1s, leave_intent{5, "late"}));
  f.core.joined(2s, report("late"));
  CHECK(f.status_of("late") == member_status::leaving);
  f.out.clear();
  f.core.tick(290s);
  CHECK(f.status_of("other") == member_status::leaving);
  f.core.tick(310s);
  CHECK(f.status_of("other") == member_status::alive);
  CHECK(f.status_of("late") == member_status::alive);
  CHECK(f.take<tell_member_event>().size() == 2); // whoever shows members learns of it
  f.core.gone(311s, "other");
  CHECK(f.status_of("other") == member_status::failed);
}

TEST_CASE("failed members are forgotten after the reconnect time-out, left ones after the tombstone time-out") {
  member_options o;
  o.reconnect_timeout = 60s;
  o.tombstone_timeout = 120s;
  fixture f(o);
  f.core.joined(0s, report("third"));
  f.core.tick(0s);
  f.core.gone(1s, "other");
  CHECK(f.core.take(0s, leave_intent{5, "third"}));
  f.core.gone(1s, "third");
  f.core.tick(61s);
  CHECK(f.status_of("other") == member_status::failed);
  f.out.clear();
  f.core.tick(76s);
  CHECK(f.status_of("other") == member_status::none);
  bool forgotten = false;
  for (const auto& e : f.out) forgotten |= std::holds_alternative<forget_coordinate>(e);
  CHECK(forgotten);
  CHECK(f.status_of("third") == member_status::left);
  f.core.tick(122s);
  CHECK(f.status_of("third") == member_status::none);
  // One that comes back in time is not forgotten.
  f.core.joined(122s, report("other"));
  f.core.gone(123s, "other");
  f.core.joined(124s, report("other"));
  f.core.tick(300s);
  CHECK(f.status_of("other") == member_status::alive);
}

TEST_CASE("failed members are tried again, the seldomer the fewer they are") {
  fixture f;
  for (int i = 0; i < 8; ++i) f.core.joined(0s, report("n" + std::to_string(i)));
  f.core.gone(0s, "other");
  f.core.tick(0s);
  f.out.clear();
  size_t tries = 0;
  for (int i = 1; i <= 900; ++i) {
    f.core.tick(i * 30s);
    for (const auto& r : f.take<rejoin>()) {
      ++tries;
      CHECK(r.node == "other");
      CHECK(r.at.port == 8301);
    }
  }
  CHECK(tries > 70); // one failed of nine others: every ninth time
  CHECK(tries < 130);
}

TEST_CASE("leaving tells the intent, then gossip, then waits, and each step has its time-out") {
  fixture f;
  REQUIRE(f.core.leave(0s).ok());
  CHECK(f.status_of("me") == member_status::leaving);
  auto sent = f.take<broadcast>();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].ticket != 0);
  CHECK(f.core.leave(0s).err().text == "Leave already in progress");
  SUBCASE("the broadcast was sent as often as it may") { f.core.broadcast_done(1s, sent[0].ticket); }
  SUBCASE("or its time was up") {
    f.core.tick(4s);
    CHECK(f.take<leave_gossip>().empty());
    f.core.tick(5s);
  }
  CHECK(f.take<leave_gossip>().size() == 1);
  f.core.gossip_left(6s);
  f.core.tick(8s);
  CHECK(f.take<tell_left>().empty());
  CHECK(f.core.wake_at() == 9s);
  f.core.tick(9s);
  CHECK(f.take<tell_left>().size() == 1);
  CHECK(f.core.leave(10s).ok());
}

TEST_CASE("a join that succeeds while we leave does not take the farewell back") {
  fixture f;
  f.core.announce_join(0s);
  REQUIRE(f.take<broadcast>().size() == 1);
  REQUIRE(f.core.leave(0s).ok());
  REQUIRE(f.take<broadcast>().size() == 1);
  f.core.announce_join(0s);
  CHECK(f.take<broadcast>().empty());
  CHECK(f.status_of("me") == member_status::leaving);
}

TEST_CASE("whoever is alone leaves without telling") {
  fixture f;
  f.core.gone(0s, "other");
  f.out.clear();
  REQUIRE(f.core.leave(0s).ok());
  CHECK(f.take<leave_gossip>().size() == 1);
}

// Before, its state told the time of its farewell as a join's, and the farewell itself was as old as that and refused.
TEST_CASE("who asks somebody for its state while that leaves hears of it, and does not refuse the farewell that comes behind") {
  fixture asker, third;
  for (auto* f : {&asker, &third}) f->core.joined(0s, report("leaver", 3));
  lamport_clock clock;
  prng random{2};
  outbox out;
  member_core leaver({.self = "leaver"}, clock, random, out);
  leaver.joined(0s, report("leaver", 3));
  leaver.joined(0s, report("me"));
  REQUIRE(leaver.leave(0s).ok());
  const auto farewell = leaver.find("leaver")->status_time;
  pool_state s;
  leaver.fill(s);
  asker.core.merge(0s, s);
  CHECK(asker.status_of("leaver") == member_status::leaving);
  CHECK_FALSE(asker.core.take(0s, leave_intent{farewell, "leaver"}));
  pool_state passed_on; // and by way of a third one
  asker.core.fill(passed_on);
  third.core.merge(0s, passed_on, false);
  for (auto* f : {&asker, &third}) {
    f->core.gone(1s, "leaver");
    CHECK(f->status_of("leaver") == member_status::left);
  }
}

TEST_CASE("a state that tells the time of a farewell as a join's, as serf's does, does not have the farewell refused") {
  fixture f;
  pool_state s;
  s.status_times = {{"other", 5}, {"late", 5}};
  f.core.merge(0s, s);
  CHECK(f.status_of("other") == member_status::alive);
  CHECK(f.core.take(0s, leave_intent{5, "other"}));
  CHECK_FALSE(f.core.take(0s, leave_intent{5, "other"}));
  CHECK(f.status_of("other") == member_status::leaving);
  CHECK(f.core.take(0s, leave_intent{5, "late"}));
  CHECK_FALSE(f.core.take(0s, leave_intent{5, "late"}));
  f.core.joined(0s, report("late"));
  CHECK(f.status_of("late") == member_status::leaving);
  // Whom it is about contradicts, if it stays.
  f.core.merge(0s, {.status_times = {{"me", 7}}});
  f.out.clear();
  CHECK_FALSE(f.core.take(0s, leave_intent{7, "me"}));
  CHECK(f.take<broadcast>().size() == 1);
}

TEST_CASE("a live member that another's state says is leaving is asked, and takes it back") {
  fixture f;
  f.core.merge(0s, {.status_times = {{"other", 4}}, .left = {"other"}});
  CHECK(f.status_of("other") == member_status::leaving);
  const auto asked = f.take<send_direct>();
  REQUIRE(asked.size() == 1);
  CHECK(*decode(asked[0].bytes) == serf_message(leave_intent{5, "other", false}));
  CHECK(f.core.take(0s, join_intent{6, "other"}));
  CHECK(f.status_of("other") == member_status::alive);
}

TEST_CASE("a push/pull brings over who left, and a join that is as old does not undo it") {
  fixture a, b;
  b.core.take(0s, leave_intent{7, "other"});
  b.core.gone(0s, "other");
  pool_state s;
  b.core.fill(s);
  CHECK(s.left == std::vector<std::string>{"other"});
  CHECK(s.status_times.at("other") == 7);
  a.core.merge(0s, s);
  CHECK(a.status_of("other") == member_status::leaving);
  CHECK(a.clock.time() >= b.clock.time());
  a.core.gone(0s, "other");
  CHECK(a.status_of("other") == member_status::left);
}
