// One core with a few others that the test speaks for.
#pragma once
#include "actors/gossip/core/swim_core.hpp"
#include <doctest/doctest.h>

namespace actord::gossip {

using namespace std::chrono_literals;

inline address place(uint8_t last, uint16_t port = 8301) { return {std::string{10, 0, 0, static_cast<char>(last)}, port}; }
constexpr versions usual{1, 5, 2, 2, 5, 4};

inline alive alive_of(node_name name, uint8_t last, incarnation inc = 1, std::string meta = {}) {
  return {inc, std::move(name), place(last), std::move(meta), usual};
}
inline node_report report_of(node_name name, uint8_t last, incarnation inc = 1, node_state state = node_state::alive) {
  return {std::move(name), place(last), {}, inc, state, usual};
}

struct node_fixture {
  nanos now = 1000s;
  swim_core core;

  // Most tests are about what happens to claims that count, so these are believed at once; doubt_test.cpp is about the others.
  static settings believing(settings s) {
    s.checks_claims = false;
    return s;
  }
  explicit node_fixture(settings s = settings::lan(), vetoes v = {}, bool doubts = false)
      : core(doubts ? s : believing(s), {"me", place(1), "", usual}, std::move(v), prng(7), now) {
    core.drain();
  }
  // Others that are alive: n2, n3, …; what is queued about them is spread first, so that packets are easy to read.
  void know(int others) {
    for (int i = 2; i < 2 + others; ++i) tell(alive_of("n" + std::to_string(i), static_cast<uint8_t>(i)));
    core.drain();
  }
  void tell(message m, address from = place(2)) { core.receive(std::move(m), from, now); }
  void pass(nanos by) {
    const nanos until = now + by;
    while (core.next_deadline() <= until) {
      now = std::max(now, core.next_deadline());
      core.tick(now);
    }
    now = until;
  }
  // Like a process that is not run: one late tick.
  void stall(nanos by) {
    now += by;
    core.tick(now);
  }
  node_state state(std::string_view name) const { return core.find(name)->state; }

  template <class E> std::vector<E> all() {
    std::vector<E> out;
    for (auto& e : core.drain()) {
      if (auto* x = std::get_if<E>(&e)) out.push_back(std::move(*x));
    }
    return out;
  }
  // Messages of one kind among all packets that are to go out.
  template <class M> std::vector<std::pair<address, M>> sent() {
    std::vector<std::pair<address, M>> out;
    for (auto& p : all<send_packet>()) {
      for (auto& m : p.messages) {
        if (auto* x = std::get_if<M>(&m)) out.emplace_back(p.to, std::move(*x));
      }
    }
    return out;
  }
  // Runs until the next probe goes out; the ping and where to.
  std::pair<address, ping> next_probe() {
    for (int i = 0; i < 1000; ++i) {
      now = std::max(now, core.next_deadline());
      core.tick(now);
      auto pings = sent<ping>();
      if (!pings.empty()) return pings.front();
    }
    FAIL("no probe");
    return {};
  }
  // Answers probes for so long, and so nobody is suspected.
  void pass_peacefully(nanos by) {
    const nanos until = now + by;
    while (core.next_deadline() <= until) {
      now = std::max(now, core.next_deadline());
      core.tick(now);
      for (auto& [to, p] : sent<ping>()) core.receive(ack{p.seq, {}}, to, now);
    }
    now = until;
  }
};

} // namespace actord::gossip
