// Several pools' layers that talk to each other without gossip in between: every broadcast reaches everybody.
#include "actors/members/core/pool_core.hpp"
#include "actors/members/core/snapshot.hpp"
#include <doctest/doctest.h>
#include <memory>

using namespace actord;
using namespace actord::members;
using namespace std::chrono_literals;

namespace {

gossip::node_report report(const node_name& n, char last, const tag_table& tags = {}) {
  return {n, {std::string{127, 0, 0, last}, 8301}, *encode_tags(tags), 1, gossip::node_state::alive, gossip::versions{1, 5, 2, 2, 5, 5}};
}

struct node {
  gossip::node_report who;
  std::unique_ptr<pool_core> core;
  outbox told; // what its actor would see
};

struct pool {
  std::vector<node> nodes;
  nanos now{0};

  explicit pool(size_t n, pool_options o = {}) {
    for (size_t i = 0; i < n; ++i) {
      const auto name = "n" + std::to_string(i);
      o.members.self = name;
      node x{report(name, static_cast<char>(1 + i), {{"role", i == 0 ? "db" : "web"}}), std::make_unique<pool_core>(o, prng(i)), {}};
      x.core->set_address(x.who.at);
      nodes.push_back(std::move(x));
    }
    for (auto& x : nodes)
      for (auto& other : nodes) x.core->joined(now, other.who);
    for (auto& x : nodes) x.core->merge(now, nodes.front().core->state(), true, true);
    settle();
    for (auto& x : nodes) x.told.clear();
  }
  pool_core& operator[](size_t i) { return *nodes[i].core; }
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (size_t i = 0; i < nodes.size(); ++i)
        for (auto& e : nodes[i].core->drain()) {
          busy = true;
          if (const auto* b = std::get_if<broadcast>(&e)) {
            for (size_t to = 0; to < nodes.size(); ++to)
              if (to != i) nodes[to].core->deliver(now, b->bytes);
          } else if (const auto* d = std::get_if<send_direct>(&e)) {
            for (auto& to : nodes)
              if (to.who.at == d->to) to.core->deliver(now, d->bytes);
          }
          nodes[i].told.push_back(std::move(e));
        }
    }
  }
  void pass(nanos d) {
    now += d;
    for (auto& x : nodes) x.core->tick(now);
    settle();
  }
  template <class T> std::vector<T> told(size_t i) {
    std::vector<T> out;
    for (const auto& e : nodes[i].told)
      if (const auto* x = std::get_if<T>(&e)) out.push_back(*x);
    return out;
  }
};

} // namespace

TEST_CASE("a user event comes once to everybody, also to who fired it, and to who joins unless that ignores the old") {
  pool p(3);
  REQUIRE(p[0].fire("deploy", "v1", false).ok());
  REQUIRE(p[0].fire("deploy", "v1", false).ok());
  p.settle();
  for (size_t i = 0; i < 3; ++i) {
    CHECK(p.told<tell_user_event>(i).size() == 2); // two Lamport times
    p[i].deliver(p.now, encode(user_event{1, "deploy", "v1", false}));
    p.settle();
    CHECK(p.told<tell_user_event>(i).size() == 2);
  }
  pool_options o;
  o.members.self = "new";
  pool_core late(o, prng(9));
  late.merge(p.now, p[0].state(), true, true);
  size_t events = 0;
  for (const auto& e : late.drain()) events += std::holds_alternative<tell_user_event>(e) ? 1 : 0;
  CHECK(events == 0);
  o.ignore_old_on_join = false;
  pool_core replaying(o, prng(9));
  replaying.merge(p.now, p[0].state(), true, true);
  for (const auto& e : replaying.drain()) events += std::holds_alternative<tell_user_event>(e) ? 1 : 0;
  CHECK(events == 2);
}

TEST_CASE("a stranger's word that a live member leaves for good is denied by its subject, and nothing comes of it") {
  pool p(3);
  p.pass(0s);
  const auto forged = encode(leave_intent{9, "n2", true});
  p[0].deliver(p.now, forged, false);
  CHECK(p[0].members().find("n2")->status == member_status::leaving);
  bool asked = false;
  for (const auto& e : p[0].drain()) { // of all that it would spread, only the question gets through
    const auto* d = std::get_if<send_direct>(&e);
    if (d == nullptr || d->to != p.nodes[2].who.at) continue;
    asked = true;
    p[2].deliver(p.now, d->bytes);
  }
  CHECK(asked);
  p.settle();
  for (int i = 0; i < 5; ++i) p.pass(15s);
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(p[i].members().find("n2") != nullptr);
    CHECK(p[i].members().find("n2")->status == member_status::alive);
    CHECK(p.told<tell_member_event>(i).empty());
  }
}

TEST_CASE("no packet moves a clock so far that nobody's word could be newer, an exchange that we asked for does") {
  pool p(2);
  const lamport_time far = (lamport_time{1} << 62) - 1;
  p[0].deliver(p.now, encode(leave_intent{far, "n1", true}), false);
  p[0].deliver(p.now, encode(join_intent{far, "n1"}));
  p[0].deliver(p.now, encode(user_event{far, "x", "", false}));
  p[0].deliver(p.now, encode(query{.time = far, .id = 1, .at = p.nodes[1].who.at, .source = "n1", .timeout_ns = 1, .name = "x"}));
  pool_state s;
  s.member_time = s.event_time = s.query_time = far;
  s.status_times.emplace("n1", far);
  p[0].merge(p.now, encode_state(s), true, false);
  p.settle();
  CHECK(p[0].members().find("n1")->status == member_status::alive);
  for (const auto t : {p[0].lamport_times().member, p[0].lamport_times().event, p[0].lamport_times().query}) CHECK(t < 1 << 20);
  REQUIRE(p[0].fire("still", "heard", false).ok());
  p.settle();
  CHECK(p.told<tell_user_event>(1).size() == 1);
  s.member_time = s.event_time = s.query_time = lamport_time{1} << 40; // a pool that lives for very long
  p[1].merge(p.now, encode_state(s), true, true);
  CHECK(p[1].lamport_times().member == s.member_time);
  CHECK(p[1].lamport_times().event == s.event_time);
  CHECK(p[1].lamport_times().query == s.query_time);
}

TEST_CASE("user events have the reference's limits") {
  pool p(1);
  CHECK(p[0].fire("n", std::string(512, 'x'), false).err().text == "user event exceeds configured limit of 512 bytes before encoding");
  CHECK(p[0].fire("n", std::string(500, 'x'), false).err().text ==
        "encoded user event exceeds configured limit of 512 bytes after encoding");
  CHECK(p[0].fire("n", std::string(470, 'x'), false).ok());
}

TEST_CASE("events older than the window and from before the restart are ignored") {
  pool p(1);
  p[0].deliver(p.now, encode(user_event{1000, "new", "", false}));
  p[0].deliver(p.now, encode(user_event{488, "old", "", false}));
  p[0].deliver(p.now, encode(user_event{489, "in the window", "", false}));
  p.settle();
  const auto got = p.told<tell_user_event>(0);
  REQUIRE(got.size() == 2);
  CHECK(got[1].event.name == "in the window");
  pool_options o;
  pool_core restarted(o, prng(1));
  restarted.restore(p[0].clocks());
  restarted.deliver(p.now, encode(user_event{1000, "new", "", false}));
  CHECK(restarted.drain().empty());
  CHECK(restarted.clocks().event == 1000);
}

TEST_CASE("others cannot make us keep more events than is bounded") {
  pool p(1);
  for (uint64_t t = 1; t <= 600; ++t)
    for (int i = 0; i < 4; ++i) p[0].deliver(p.now, encode(user_event{t, std::to_string(i), std::string(9000, 'x'), false}));
  CHECK(p[0].state().size() < 9 << 20);
  for (int i = 0; i < 1000; ++i) p[0].deliver(p.now, encode(user_event{5000, std::to_string(i), "", false}));
  CHECK(decode_state(p[0].state())->events.back().events.size() <= 256);
}

TEST_CASE("a query is acknowledged and answered by those who match its filters") {
  pool p(4);
  auto number = p[0].ask(p.now, {.name = "load", .payload = "please", .filters = {tag_filter{"role", "^w.b$"}, node_filter{{"n1", "n2", "n9"}}},
                                 .want_ack = true});
  REQUIRE(number.ok());
  p.settle();
  CHECK(p.told<tell_query>(0).empty());
  CHECK(p.told<tell_query>(3).empty());
  REQUIRE(p.told<tell_query>(1).size() == 1);
  const auto asked = p.told<tell_query>(1)[0];
  CHECK(asked.payload == "please");
  CHECK(asked.source == "n0");
  CHECK(asked.deadline == 3200ms);
  REQUIRE(p[1].answer(p.now, asked.handle, "0.5").ok());
  CHECK(p[1].answer(p.now, asked.handle, "0.5").err().text == "response already sent");
  p.settle();
  const auto answers = p.told<tell_query_answer>(0);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].ack);
  CHECK(answers[2].from == "n1");
  CHECK(answers[2].payload == "0.5");
  CHECK(p[0].wake_at() <= 3200ms);
  p.pass(3200ms);
  const auto done = p.told<tell_query_done>(0);
  REQUIRE(done.size() == 1);
  CHECK(done[0].query == *number);
  CHECK(done[0].acks == 2);
  CHECK(done[0].answers == 1);
  p.pass(1ms);
  CHECK(p[2].answer(p.now, p.told<tell_query>(2)[0].handle, "late").err().text == "response already sent"); // forgotten
}

TEST_CASE("a query reaches who asks, and filters that are unknown or wrong match nobody") {
  pool p(2);
  REQUIRE(p[0].ask(p.now, {.name = "q"}).ok());
  REQUIRE(p[0].ask(p.now, {.name = "broken", .filters = {tag_filter{"role", "("}}}).ok());
  p.settle();
  for (size_t i = 0; i < 2; ++i) REQUIRE(p.told<tell_query>(i).size() == 1);
  REQUIRE(p[0].answer(p.now, p.told<tell_query>(0)[0].handle, "me").ok());
  p.settle();
  CHECK(p.told<tell_query_answer>(0).size() == 1);
  query q{.time = 9, .id = 1, .at = p.nodes[0].who.at, .source = "n0", .filters = {std::string("\x07\x80")}, .name = "future"};
  p[1].deliver(p.now, encode(q));
  p.settle();
  CHECK(p.told<tell_query>(1).size() == 1);
  CHECK(p.told<broadcast>(1).back().bytes == encode(q)); // spread all the same
  q.flags = query_not_spread;
  q.id = 2;
  const auto before = p.told<broadcast>(1).size();
  p[1].deliver(p.now, encode(q));
  p.settle();
  CHECK(p.told<broadcast>(1).size() == before);
}

TEST_CASE("expressions of strangers' queries are compiled so often in a second, and plain words always looked for") {
  pool p(2);
  p.settle();
  lamport_time time = 20;
  const auto asked = [&](const char* expression) {
    query q{.time = time++, .id = 1, .at = p.nodes[0].who.at, .source = "n0", .filters = {encode_filter(tag_filter{"role", expression})}, .name = "q"};
    const auto before = p.told<tell_query>(1).size();
    p[1].deliver(p.now, encode(q));
    p.settle();
    return p.told<tell_query>(1).size() - before;
  };
  size_t matched = 0;
  for (int i = 0; i < 200; ++i) matched += asked("^w?");
  CHECK(matched >= 50);
  CHECK(matched < 200); // settling takes time, too
  CHECK(asked("") == 1);
  p.pass(1100ms);
  CHECK(asked("^w?") == 1);
  CHECK(asked("(?:\\pL{500}\\pN{500})?") == 0); // too large
}

TEST_CASE("answers come through others when the direct way is cut") {
  pool p(6);
  REQUIRE(p[0].ask(p.now, {.name = "q", .relay_factor = 3}).ok());
  p.settle();
  const auto handle = p.told<tell_query>(1)[0].handle;
  REQUIRE(p[1].answer(p.now, handle, "x").ok());
  size_t relayed = 0;
  for (auto& e : p[1].drain()) {
    auto* d = std::get_if<send_direct>(&e);
    if (d == nullptr || d->to == p.nodes[0].who.at) continue; // the direct one is lost; a relay may pick the asker, too
    ++relayed;
    for (auto& x : p.nodes)
      if (x.who.at == d->to) x.core->deliver(p.now, d->bytes);
  }
  CHECK(relayed >= 2);
  p.settle();
  CHECK(p.told<tell_query_answer>(0).size() == 1); // once
}

TEST_CASE("we relay nothing but answers, and only to members") {
  pool p(2);
  const auto answer = encode(query_response{1, 1, "n1", 0, "x"});
  p[0].deliver(p.now, encode(relay{p.nodes[1].who.at, "", "n1", answer}));
  p.settle();
  CHECK(p.told<send_direct>(0).size() == 1);
  p[0].deliver(p.now, encode(relay{{std::string{8, 8, 8, 8}, 53}, "", "n1", answer}));
  p[0].deliver(p.now, encode(relay{p.nodes[1].who.at, "", "stranger", answer}));
  p[0].deliver(p.now, encode(relay{p.nodes[1].who.at, "", "n1", encode(join_intent{1, "n0"})}));
  p.settle();
  CHECK(p.told<send_direct>(0).size() == 1);
}

TEST_CASE("key operations count who did them, and say when not all did") {
  pool p(3);
  auto number = p[0].operate_keys(p.now, key_operation::list, "");
  REQUIRE(number.ok());
  p.settle();
  for (size_t i = 0; i < 3; ++i) {
    const auto asked = p.told<tell_key_request>(i);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].operation == key_operation::list);
    REQUIRE(p[i].answer_keys(p.now, asked[0].handle, {.ok = true, .keys = {"a", i == 2 ? "c" : "b"}, .primary = "a"}).ok());
  }
  p.settle();
  auto done = p.told<tell_key_outcome>(0); // before its time, as all have answered
  REQUIRE(done.size() == 1);
  CHECK(done[0].query == *number);
  CHECK(done[0].outcome.error.empty());
  CHECK(done[0].outcome.keys == std::map<std::string, size_t>{{"a", 3}, {"b", 2}, {"c", 1}});
  CHECK(done[0].outcome.primaries.at("a") == 3);
  CHECK(p.told<tell_query_answer>(0).empty());

  REQUIRE(p[0].operate_keys(p.now, key_operation::use, std::string(16, 'k')).ok());
  p.settle();
  const auto asked = p.told<tell_key_request>(1).back();
  CHECK(asked.operation == key_operation::use);
  CHECK(asked.key == std::string(16, 'k'));
  REQUIRE(p[1].answer_keys(p.now, asked.handle, {.ok = false, .why = "Requested key is not in the keyring"}).ok());
  p.settle();
  p.pass(4s);
  done = p.told<tell_key_outcome>(0);
  REQUIRE(done.size() == 2);
  CHECK(done[1].outcome.error == "1/3 nodes reported failure");
  CHECK(done[1].outcome.messages.at("n1") == "Requested key is not in the keyring");

  REQUIRE(p[0].operate_keys(p.now, key_operation::remove, std::string(16, 'k')).ok());
  p.settle();
  REQUIRE(p[2].answer_keys(p.now, p.told<tell_key_request>(2).back().handle, {.ok = true}).ok());
  p.settle();
  p.pass(4s);
  CHECK(p.told<tell_key_outcome>(0).back().outcome.error == "1/3 nodes reported success");
}

TEST_CASE("orders to change keys that are sent again reach nobody who restarted") {
  pool p(2);
  std::vector<std::string> orders;
  for (const auto what : {key_operation::install, key_operation::use, key_operation::remove}) {
    REQUIRE(p[0].operate_keys(p.now, what, std::string(16, 'k')).ok());
    p.settle();
    orders.push_back(p.told<broadcast>(0).back().bytes);
  }
  CHECK(p.told<tell_key_request>(1).size() == 3);
  const auto replayed_to = [&](pool_core& c) {
    for (const auto& o : orders) c.deliver(p.now, o);
    size_t followed = 0;
    for (const auto& e : c.drain()) followed += std::holds_alternative<tell_key_request>(e) ? 1 : 0;
    return followed;
  };
  const auto newcomer = [&](uint64_t seed) {
    pool_options o;
    o.members.self = "n1";
    auto c = std::make_unique<pool_core>(o, prng(seed));
    c->joined(p.now, p.nodes[0].who);
    return c;
  };
  const auto restarted = newcomer(1), forgetful = newcomer(2), deceived = newcomer(3), late = newcomer(4), behind = newcomer(5);
  restarted->restore(p[1].clocks());
  restarted->merge(p.now, encode_state({}), true, true);
  CHECK(replayed_to(*restarted) == 0); // its snapshot tells
  CHECK(replayed_to(*forgetful) == 0); // it has met nobody yet
  deceived->merge(p.now, encode_state({}), true, false);
  CHECK(replayed_to(*deceived) == 0); // nor has this one: an old state was sent to it
  late->merge(p.now, p[0].state(), true, true);
  CHECK(replayed_to(*late) == 0); // it was told how late it is
  behind->merge(p.now, encode_state({}), true, true);
  CHECK(replayed_to(*behind) == 3); // for it they are new
}

TEST_CASE("orders to change keys count in their own pool only, and never an older one after a newer") {
  pool p(2);
  std::vector<std::string> orders;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(p[0].operate_keys(p.now, key_operation::install, std::string(16, 'l')).ok());
    p.settle();
    orders.push_back(p.told<broadcast>(0).back().bytes);
  }
  const auto followed = [&](pool_core& c, const std::string& order) {
    c.deliver(p.now, order);
    size_t n = 0;
    for (const auto& e : c.drain()) n += std::holds_alternative<tell_key_request>(e) ? 1 : 0;
    return n;
  };
  pool_options o;
  o.members.self = "n1";
  pool_core elsewhere(o, prng(1)), here(o, prng(2));
  for (auto* c : {&elsewhere, &here}) c->merge(p.now, encode_state({}), true, true);
  auto twin = p.nodes[0].who;
  twin.at.port = 8302; // as in the pool of the WAN
  elsewhere.joined(p.now, twin);
  here.joined(p.now, p.nodes[0].who);
  CHECK(followed(elsewhere, orders[0]) == 0);
  CHECK(followed(here, orders[1]) == 1);
  CHECK(followed(here, orders[0]) == 0);
}

TEST_CASE("a list of keys that does not fit is cut and says so") {
  pool p(2);
  REQUIRE(p[0].operate_keys(p.now, key_operation::list, "").ok());
  p.settle();
  key_response all{.ok = true, .primary = std::string(44, 'p')};
  for (int i = 0; i < 60; ++i) all.keys.push_back(std::string(44, 'k'));
  REQUIRE(p[1].answer_keys(p.now, p.told<tell_key_request>(1)[0].handle, all).ok());
  p.settle();
  REQUIRE(p[0].answer_keys(p.now, p.told<tell_key_request>(0)[0].handle, {.ok = true}).ok());
  p.settle();
  const auto outcome = p.told<tell_key_outcome>(0).at(0).outcome;
  const auto shown = outcome.keys.begin()->second;
  CHECK(shown > 10);
  CHECK(shown < 25);
  CHECK(outcome.messages.at("n1") == "truncated key list response, showing first " + std::to_string(shown) + " of 60 keys");
}

TEST_CASE("a name that is claimed elsewhere stays with the one whom the majority knows") {
  for (const bool known_elsewhere : {false, true}) {
    pool_options o;
    o.resolve_name_conflicts = true;
    pool p(4, o);
    auto claimant = report("n0", 77);
    if (known_elsewhere)
      for (size_t i = 1; i < 4; ++i) p[i].updated(claimant);
    p[0].conflict(p.now, p.nodes[0].who, claimant);
    p[0].conflict(p.now, p.nodes[0].who, claimant); // one vote at a time
    p.settle();
    p.pass(4s);
    CHECK(p.told<tell_name_lost>(0).size() == (known_elsewhere ? 1 : 0));
  }
}

TEST_CASE("garbage is dropped with a word, and changes nothing") {
  pool p(1);
  for (const std::string& bytes : {std::string(), std::string("\x00", 1), std::string("\x2a"), std::string("\x04\x81\xa1"), std::string(200, '\x93')})
    p[0].deliver(p.now, bytes);
  p[0].merge(p.now, "\x02\x99", true, true);
  for (const auto& e : p[0].drain()) CHECK(std::holds_alternative<write_log>(e));
}

TEST_CASE("a snapshot's lines say who was alive and what was heard last") {
  snapshot_writer w({}, 0, false);
  w.on(tell_member_event{member_change::join, {.name = "a b", .at = {std::string{127, 0, 0, 1}, 8301}, .tags = {}}});
  w.on(tell_member_event{member_change::join, {.name = "gone", .at = {std::string{127, 0, 0, 2}, 8301}, .tags = {}}});
  w.on(tell_member_event{member_change::join, {.name = "evil\nleave", .at = {std::string{127, 0, 0, 2}, 8301}, .tags = {}}});
  w.on(tell_member_event{member_change::failed, {.name = "gone", .at = {}, .tags = {}}});
  w.on(clock_times{5, 0, 3});
  w.on(clock_times{5, 0, 3});
  const auto lines = w.take();
  CHECK(lines == "alive: a b 127.0.0.1:8301\nalive: gone 127.0.0.2:8301\nnot-alive: gone\nclock: 5\nquery-clock: 3\n");
  CHECK(w.take().empty());
  const snapshot_contents expected{{{"a b", "127.0.0.1:8301"}}, {5, 0, 3}};
  CHECK(read_snapshot(lines, false) == expected);
  CHECK(read_snapshot(w.compacted(), false) == expected);
}

TEST_CASE("a snapshot is read with its comments, old lines, cut end and nonsense") {
  size_t skipped = 0;
  const auto got = read_snapshot("# comment\ncoordinate: {}\nalive: a 1.2.3.4:5\nclock: 7\nclock: x\nalive: noaddress\nwhat\n\nnot-alive: b\nclock: 9", false,
                                 &skipped);
  CHECK(got == snapshot_contents{{{"a", "1.2.3.4:5"}}, {7, 0, 0}});
  CHECK(skipped == 4);
}

TEST_CASE("whoever left joins nobody after a restart, unless that is wanted") {
  const std::string text = "alive: a 1.2.3.4:5\nclock: 7\nleave\n";
  CHECK(read_snapshot(text, false) == snapshot_contents{});
  CHECK(read_snapshot(text, true).alive.size() == 1);
  snapshot_writer w(read_snapshot(text, true), text.size(), false);
  w.leave();
  w.on(tell_member_event{member_change::failed, {.name = "a", .at = {}, .tags = {}}});
  CHECK(w.take() == "leave\n");
}

TEST_CASE("a snapshot that outgrew its contents is written anew") {
  snapshot_writer w({}, 0, false);
  lamport_time t = 0;
  size_t appended = 0;
  while (!w.wants_compaction()) {
    w.on(clock_times{++t, t, t});
    appended += w.take().size();
  }
  CHECK(appended > 128 << 10);
  const auto small = w.compacted();
  CHECK(small.size() < 100);
  CHECK_FALSE(w.wants_compaction());
  CHECK(read_snapshot(small, false).clocks.member == t);
}
