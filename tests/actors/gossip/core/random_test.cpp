#include "tests/actors/gossip/core/swim_fixture.hpp"

using namespace actord;
using namespace actord::gossip;

namespace {

// Anything that anybody might send, about a few nodes, ourselves included.
message any_message(prng& random) {
  const auto number = static_cast<uint8_t>(random.between(1, 8));
  const node_name who = number == 1 ? "me" : "n" + std::to_string(number), from = "n" + std::to_string(random.between(2, 9));
  const auto inc = static_cast<incarnation>(random.chance(0.01) ? ~uint64_t{0} - random.below(3) : random.below(30));
  const address at = random.chance(0.95) ? place(number) : address{random.chance(0.5) ? "" : "\x01\x02\x03\x04", 1};
  switch (random.below(9)) {
  case 0: return ping{static_cast<sequence>(random.below(50)), random.chance(0.5) ? who : "", at, from};
  case 1: return indirect_ping{static_cast<sequence>(random.below(50)), who, at, random.chance(0.5), at, from};
  case 2: return ack{static_cast<sequence>(random.below(200)), "payload"};
  case 3: return nack{static_cast<sequence>(random.below(200))};
  case 4: return suspect{inc, who, from};
  case 5: return dead{inc, who, random.chance(0.3) ? who : from};
  case 6:
  case 7: return alive{inc, who, at, std::string(random.below(520), 'm'), random.chance(0.9) ? std::optional(usual) : std::nullopt};
  default: return user{"x"};
  }
}

push_pull any_state(prng& random) {
  push_pull p{random.chance(0.5), {}, "state"};
  for (uint64_t i = random.below(8); i > 0; --i) {
    const auto number = static_cast<uint8_t>(random.between(1, 8));
    p.nodes.push_back(report_of(number == 1 ? "me" : "n" + std::to_string(number), number, static_cast<incarnation>(random.below(30)),
                                static_cast<node_state>(random.below(4))));
  }
  return p;
}

// `settled`: nobody is just having the last word.
void check_all(const node_fixture& f, bool settled = true) {
  REQUIRE(f.core.next_deadline() > f.now);
  CHECK(f.core.health_score() >= 0);
  CHECK(f.core.health_score() < 8);
  CHECK(f.core.members().size() <= 9);
  for (const auto* m : f.core.members()) {
    if (settled) CHECK((m->state == node_state::suspect) == (m->suspected != nullptr));
    else CHECK((m->state == node_state::suspect || m->suspected == nullptr));
    CHECK(f.core.find(m->name) == m);
  }
}

} // namespace

TEST_CASE("whatever is said in whatever order, we stay alive, never go back in incarnations, and always know when to wake up") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    prng random(seed);
    node_fixture f(seed % 3 == 0 ? settings::lan().without_lifeguard() : settings::consul_lan());
    incarnation before = 1;
    const bool leaves = seed % 5 == 0;
    for (int step = 0; step < 400; ++step) {
      if (random.chance(0.7)) f.tell(any_message(random));
      else if (random.chance(0.2)) f.core.push_pull_arrived(1, any_state(random), place(2), f.now);
      else if (random.chance(0.1)) f.core.push_pull_answered(f.core.exchange(place(3), true, f.now), any_state(random), f.now);
      else if (random.chance(0.02)) f.stall(nanos(1s) * static_cast<int64_t>(random.below(90)));
      else f.pass(std::chrono::milliseconds(random.below(random.chance(0.1) ? 20000 : 400)));
      if (leaves && step == 200) f.core.leave(5s, f.now);
      f.core.tick(f.now);
      check_all(f);
      const auto* me = f.core.find("me");
      CHECK(me->inc >= before);
      before = me->inc;
      CHECK(me->state == (leaves && step >= 200 ? node_state::left : node_state::alive));
      f.core.drain();
    }
  }
}

TEST_CASE("whatever is said while packets are dropped, each question to the accused ends") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    prng random(seed);
    node_fixture f(settings::consul_lan(), {}, true);
    std::vector<effect> asked;
    for (int step = 0; step < 400; ++step) {
      if (random.chance(0.5)) f.core.missed_packets(f.now);
      if (random.chance(0.6)) f.tell(any_message(random), place(static_cast<uint8_t>(random.between(1, 8))));
      else if (random.chance(0.2)) f.core.push_pull_arrived(1, any_state(random), place(2), f.now);
      else f.pass(std::chrono::milliseconds(random.below(random.chance(0.1) ? 20000 : 400)));
      f.core.tick(f.now);
      check_all(f, false);
      for (auto& e : f.core.drain()) {
        if (std::holds_alternative<send_tcp_ping>(e) || std::holds_alternative<open_push_pull>(e)) asked.push_back(std::move(e));
      }
      if (asked.empty() || random.chance(0.5)) continue;
      if (auto* t = std::get_if<send_tcp_ping>(&asked.back())) {
        if (random.chance(0.3)) f.core.tcp_ping_refused(t->what.seq, f.now);
        else f.core.tcp_ping_ended(t->what.seq, random.chance(0.5), f.now);
      } else if (auto* x = std::get_if<open_push_pull>(&asked.back())) {
        if (random.chance(0.5)) f.core.push_pull_failed(x->id, "refused", f.now);
        else f.core.push_pull_answered(x->id, any_state(random), f.now);
      }
      asked.pop_back();
    }
    f.pass(300s);
    check_all(f);
    for (const auto* m : f.core.members()) CHECK((m->name == "me") == (m->state == node_state::alive));
  }
}
