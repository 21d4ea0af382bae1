#include "tests/actors/gossip/core/swim_fixture.hpp"
#include <set>

using namespace actord;
using namespace actord::gossip;

namespace {

size_t packet_size(const send_packet& p) {
  size_t size = p.messages.size() > 1 ? compound_header : 0;
  for (const auto& m : p.messages) size += size_bound(m) + (p.messages.size() > 1 ? compound_part : 0);
  return size;
}
push_pull state(std::vector<node_report> nodes, bool join = true) { return {join, std::move(nodes), "theirs"}; }

} // namespace

TEST_CASE("a round of gossip tells three others and knows who understands checksums") {
  node_fixture f;
  f.know(6);
  f.tell(alive{1, "old", place(9), {}, versions{1, 4, 2, 2, 5, 4}});
  std::set<std::string> hearers;
  size_t most = 0;
  const nanos until = f.now + 2s;
  while (f.core.queued() > 0 && f.now < until) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    size_t told = 0;
    for (auto& p : f.all<send_packet>()) {
      if (std::holds_alternative<ping>(p.messages[0])) continue;
      CHECK(p.checksum == (p.node != "old"));
      hearers.insert(p.node);
      ++told;
    }
    most = std::max(most, told);
  }
  CHECK(most == 3);
  CHECK_FALSE(hearers.contains("me"));
}

TEST_CASE("each piece of news is told as often as the limit says") {
  node_fixture f;
  f.know(3);
  f.pass_peacefully(10s);
  REQUIRE(f.core.queued() == 0);
  f.tell(alive_of("n2", 2, 2));
  size_t told = 0;
  const nanos until = f.now + 10s;
  while (f.core.next_deadline() < until) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& p : f.all<send_packet>()) {
      for (auto& m : p.messages) {
        if (std::holds_alternative<alive>(m)) ++told;
        if (auto* q = std::get_if<ping>(&m)) f.core.receive(ack{q->seq, {}}, p.to, f.now);
      }
    }
  }
  CHECK(told == 4);
}

TEST_CASE("no packet is larger than the buffer, even encrypted") {
  node_fixture f;
  f.core.set_packet_overhead(29);
  for (uint8_t i = 2; i < 200; ++i) f.tell(alive_of("node-" + std::to_string(i), i, 1, std::string(i, 'm')));
  for (int i = 0; i < 50; ++i) f.core.broadcast(urgency::event, std::string(static_cast<size_t>(10 * i), 'e'), 0, f.now);
  f.core.drain();
  size_t packets = 0, fullest = 0;
  const nanos until = f.now + 30s;
  while (f.core.next_deadline() < until) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& p : f.all<send_packet>()) {
      ++packets;
      CHECK(packet_size(p) + 29 <= 1400);
      CHECK(p.messages.size() <= 127);
      fullest = std::max(fullest, packet_size(p));
    }
  }
  CHECK(packets > 100);
  CHECK(fullest > 1300);
}

TEST_CASE("answers and probes carry news along") {
  node_fixture f;
  f.know(1);
  f.tell(ping{1, "me", place(2), "n2"});
  const auto packets = f.all<send_packet>();
  REQUIRE(packets.size() == 1);
  CHECK(std::holds_alternative<ack>(packets[0].messages[0]));
  CHECK(packets[0].messages.size() == 3); // about us and about n2
}

TEST_CASE("news about members go before those of the layer above, and intents before queries before events") {
  node_fixture f;
  f.know(1);
  f.core.broadcast(urgency::event, "event", 0, f.now);
  f.core.broadcast(urgency::query, "query", 0, f.now);
  f.core.broadcast(urgency::intent, "intent", 0, f.now);
  f.tell(ping{1, "me", place(2), "n2"});
  const auto p = f.all<send_packet>().at(0);
  REQUIRE(p.messages.size() == 6);
  CHECK(std::get<user>(p.messages[3]).body == "intent");
  CHECK(std::get<user>(p.messages[4]).body == "query");
  CHECK(std::get<user>(p.messages[5]).body == "event");
}

TEST_CASE("a broadcast of the layer above reports when it was sent as often as it should be") {
  node_fixture f;
  f.know(3);
  f.core.broadcast(urgency::intent, "x", 5, f.now);
  f.core.drain();
  f.pass(3s);
  const auto done = f.all<tell_broadcast_done>();
  REQUIRE(done.size() == 1);
  CHECK(done[0].ticket == 5);
  CHECK(done[0].sent);
}

TEST_CASE("broadcasts of the layer above are bounded in number") {
  auto s = settings::lan();
  s.user_queue_max = 10;
  node_fixture f(s);
  for (uint64_t i = 1; i <= 100; ++i) f.core.broadcast(urgency::event, "x", i, f.now);
  CHECK(f.core.queued(urgency::event) == 10);
  const auto done = f.all<tell_broadcast_done>();
  REQUIRE(done.size() == 90);
  CHECK_FALSE(done[0].sent);
}

TEST_CASE("a broadcast of the layer above that fits into no packet is given back at once") {
  node_fixture f;
  f.core.broadcast(urgency::event, std::string(1400, 'x'), 3, f.now);
  const auto done = f.all<tell_broadcast_done>();
  REQUIRE(done.size() == 1);
  CHECK(done[0].ticket == 3);
  CHECK_FALSE(done[0].sent);
  CHECK(f.core.queued(urgency::event) == 0);
}

TEST_CASE("the newly dead are told, too, the long dead and the left are not") {
  for (const auto& [final_word, wait, expected] : {std::tuple{dead{1, "n2", "n3"}, nanos(0s), true},
                                                   std::tuple{dead{1, "n2", "n3"}, nanos(31s), false},
                                                   std::tuple{dead{1, "n2", "n2"}, nanos(0s), false}}) {
    auto s = settings::lan();
    s.probe_interval = 10min; // nothing else happens
    node_fixture f(s);
    f.know(2);
    f.pass(5s);
    f.tell(final_word);
    f.pass(5s + wait);
    f.core.drain();
    f.tell(alive_of("n3", 3, 2));
    bool told = false;
    f.pass(5s);
    for (auto& p : f.all<send_packet>()) told |= p.node == "n2";
    CHECK(told == expected);
  }
}

TEST_CASE("with nothing to tell there is no gossip and no need to wake up for it") {
  auto s = settings::lan();
  s.probe_interval = 1h;
  s.push_pull_interval = 0s;
  node_fixture f(s);
  f.know(2);
  f.pass(10s);
  CHECK(f.core.next_deadline() > f.now + 10min);
  f.now += 5min;
  f.tell(alive_of("n2", 2, 2));
  CHECK(f.core.next_deadline() > f.now);
  CHECK(f.core.next_deadline() <= f.now + 200ms);
  CHECK(f.core.health_score() == 0); // to have slept is not to be stalled
}

TEST_CASE("whoever is asked for a whole state answers with its own before it takes in theirs") {
  node_fixture f;
  f.core.push_pull_arrived(4, state({report_of("n2", 2), report_of("n3", 3)}), place(2), f.now);
  const auto effects = f.core.drain();
  REQUIRE(effects.size() >= 3);
  const auto* answer = std::get_if<answer_push_pull>(&effects.front());
  REQUIRE(answer != nullptr);
  CHECK(answer->id == 4);
  CHECK(answer->state.join);
  CHECK(answer->state.nodes.size() == 1);
  const auto* end = std::get_if<tell_push_pull>(&effects.back());
  REQUIRE(end != nullptr);
  CHECK(end->error.empty());
  CHECK(end->user_state == "theirs");
  CHECK(f.core.members().size() == 3);
}

TEST_CASE("an exchange that was begun here ends once, with the join that was asked for") {
  node_fixture f;
  const auto id = f.core.exchange(place(2), true, f.now);
  const auto open = f.all<open_push_pull>();
  REQUIRE(open.size() == 1);
  CHECK(open[0].state.join);
  CHECK(open[0].to == place(2));
  f.core.push_pull_answered(id, state({report_of("n2", 2)}, false), f.now);
  auto ends = f.all<tell_push_pull>();
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].join);
  CHECK(ends[0].begun_here);
  f.core.push_pull_answered(id, state({report_of("n3", 3)}), f.now);
  f.core.push_pull_failed(id, "late", f.now);
  CHECK(f.all<tell_push_pull>().empty());
  CHECK(f.core.find("n3") == nullptr);
}

TEST_CASE("an exchange that fails says why") {
  node_fixture f;
  const auto id = f.core.exchange(place(2), true, f.now);
  f.core.push_pull_failed(id, "connection refused", f.now);
  CHECK(f.all<tell_push_pull>().at(0).error == "connection refused");
}

TEST_CASE("the dead of others are only suspects here, their left have left") {
  node_fixture f;
  f.know(3);
  f.core.push_pull_arrived(1, state({report_of("n2", 2, 1, node_state::dead), report_of("n3", 3, 1, node_state::left),
                                     report_of("n4", 4, 1, node_state::suspect), report_of("n5", 5, 1, node_state::dead)}),
                           place(2), f.now);
  CHECK(f.state("n2") == node_state::suspect);
  CHECK(f.state("n3") == node_state::left);
  CHECK(f.state("n4") == node_state::suspect);
  CHECK(f.core.find("n5") == nullptr);
}

TEST_CASE("states whose protocols do not fit together are not merged, in Consul's words") {
  node_fixture f;
  auto stranger = report_of("n2", 2);
  stranger.vsn = versions{1, 5, 3, 2, 5, 4};
  auto old = report_of("n3", 3);
  old.vsn = versions{1, 2, 2, 2, 5, 4};
  f.core.push_pull_arrived(1, state({stranger, old}), place(2), f.now);
  CHECK(f.all<tell_push_pull>().at(0).error == "Node 'n2' protocol version (3) is incompatible: [1, 2]");
  CHECK(f.core.members().size() == 1);
  auto serf = report_of("n2", 2);
  serf.vsn = versions{1, 5, 2, 5, 5, 5};
  f.core.push_pull_arrived(1, state({serf}), place(2), f.now);
  CHECK(f.all<tell_push_pull>().at(0).error == "Node 'me' delegate protocol version (4) is incompatible: [5, 5]");
  serf.vsn.reset();
  f.core.push_pull_arrived(1, state({serf}), place(2), f.now);
  CHECK(f.all<tell_push_pull>().at(0).error == "Node 'n2' has no protocol versions");
}

TEST_CASE("a serf agent's versions fit to Consul's") {
  node_fixture f;
  auto serf = report_of("n2", 2);
  serf.vsn = versions{1, 5, 2, 2, 5, 5};
  f.core.push_pull_arrived(1, state({serf}), place(2), f.now);
  CHECK(f.all<tell_push_pull>().at(0).error.empty());
}

TEST_CASE("the layer above may veto a join but not an exchange between members, and the answer goes out even so") {
  vetoes v;
  v.of_join = [](const std::vector<node_report>&) -> std::optional<std::string> { return "wrong datacenter"; };
  node_fixture f(settings::lan(), v);
  f.core.push_pull_arrived(1, state({report_of("n2", 2)}), place(2), f.now);
  const auto effects = f.core.drain();
  CHECK(std::holds_alternative<answer_push_pull>(effects.front()));
  CHECK(std::get<tell_push_pull>(effects.back()).error == "wrong datacenter");
  CHECK(f.core.find("n2") == nullptr);
  f.core.push_pull_arrived(2, state({report_of("n2", 2)}, false), place(2), f.now);
  CHECK(f.core.find("n2") != nullptr);
}

TEST_CASE("whole states are exchanged with one other that is alive, at the interval") {
  node_fixture f;
  f.know(3);
  f.tell(dead{1, "n2", "n3"});
  f.core.drain();
  size_t exchanges = 0;
  const nanos until = f.now + 5min;
  while (f.core.next_deadline() < until) {
    f.now = f.core.next_deadline();
    f.core.tick(f.now);
    for (auto& e : f.core.drain()) {
      if (auto* p = std::get_if<send_packet>(&e)) {
        if (auto* q = std::get_if<ping>(&p->messages[0])) f.core.receive(ack{q->seq, {}}, p->to, f.now);
      } else if (auto* open = std::get_if<open_push_pull>(&e)) {
        CHECK(open->to != place(1));
        CHECK(open->to != place(2));
        CHECK_FALSE(open->state.join);
        ++exchanges;
        f.core.push_pull_failed(open->id, "no", f.now);
      }
    }
  }
  CHECK(exchanges >= 8);
  CHECK(exchanges <= 10);
}

TEST_CASE("messages of the layer above come through as they are") {
  node_fixture f;
  f.tell(user{"hello"}, place(7));
  const auto told = f.all<tell_user>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].body == "hello");
  CHECK(told[0].from == place(7));
}
