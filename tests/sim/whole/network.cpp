// What the peers actors do, over a virtual network: connections that are dialled, break and stall; Raft messages, which
// may get lost, doubled and overtake one another; questions and answers, which come at most once; snapshots.
#include "actors/raft/core/wire.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/send.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

namespace actord::sim::whole {

namespace {
constexpr uint64_t link_interval = 200 * ms, silent_limit = 3 * second, ask_timeout = 10 * second; // as in peers_setup
uint64_t connection_number(uint32_t from, uint32_t to, uint64_t generation) { return (generation << 8) | (from << 4) | to; }
} // namespace

// ---- connections ---------------------------------------------------------------------------------------------------

void world::want(node& from, const peers_wanted& w) { servers_[from.plan.slot].wanted = w.servers; }

void world::look_after_links(uint32_t slot) {
  auto& s = servers_[slot];
  const auto life = s.life;
  if (!s.up) return;
  schedule(link_interval, "links", slot, [this, slot, life] { if (servers_[slot].life == life) look_after_links(slot); });
  if (s.hung_until > now()) return;
  std::array<bool, most_servers> wanted{};
  for (auto& [id, address] : s.wanted) {
    uint32_t to = id.empty() ? most_servers : slot_of(id);
    // Whoever listens at the address answers, also when another server is looked for.
    for (uint32_t n = 0; n < most_servers; ++n)
      if (servers_[n].up && servers_[n].hello.address == address && n != slot) {
        if (to < most_servers && to != n && !links_[slot][n].up && reachable(slot, n)) visit(slot, s.life, "stranger", [hello = servers_[n].hello](node& self) { caf::anon_send(self.raft, peer_said{hello, false}); });
        to = to < most_servers && to != n ? to : n;
      }
    if (to < most_servers) wanted[to] = true;
  }
  for (uint32_t to = 0; to < most_servers; ++to) {
    auto& l = links_[slot][to];
    auto& other = servers_[to];
    const bool talks = other.up && other.hung_until <= now() && reachable(slot, to);
    if (!l.up) {
      if (wanted[to] && talks && random_.chance(0.6)) connect(slot, to);
      continue;
    }
    if (talks && l.life != other.life) drop(slot, to); // another process answers there
    else if (talks) l.silent_since = never;
    else if (l.silent_since == never) l.silent_since = now();
    if (l.up && (!wanted[to] || (l.silent_since != never && now() - l.silent_since >= silent_limit))) drop(slot, to);
  }
}

// The connection is up for both ends once each has the other's hello.
void world::connect(uint32_t a, uint32_t b) {
  const auto life = servers_[a].life, other = servers_[b].life;
  schedule(random_.between(100, 3 * ms), "connected", a, [this, a, b, life, other] {
    auto& l = links_[a][b];
    if (l.up || servers_[a].life != life || servers_[b].life != other || !reachable(a, b)) return;
    l.up = true;
    l.life = other;
    l.silent_since = never;
    ++l.generation;
    visit(a, life, "hello", [hello = servers_[b].hello](node& n) { caf::anon_send(n.raft, peer_said{hello, true}); });
    visit(b, other, "hello", [hello = servers_[a].hello](node& n) { caf::anon_send(n.raft, peer_said{hello, false}); });
  });
}

// `from`'s end of the connection is closed.
void world::drop(uint32_t a, uint32_t b) {
  auto& l = links_[a][b];
  if (!l.up) return;
  l.up = false;
  ++l.generation;
  visit(a, servers_[a].life, "lost", [this, b](node& n) { caf::anon_send(n.raft, peer_lost{servers_[b].hello.id}); });
  std::vector<uint64_t> open;
  for (auto& [number, q] : questions_)
    if (q.from == a && q.to == b) open.push_back(number);
  for (auto number : open) {
    const auto code = questions_[number].kept ? errc::no_leader : errc::unknown_outcome;
    settle_question(number, {code, "the connection broke"}, {});
  }
}

// A changed hello goes over the connection that `a` dialled to `b`, and is said again while that stalls.
void world::tell_hello(uint32_t from, uint32_t to, uint32_t a, uint32_t b) {
  const auto life = servers_[to].life, generation = links_[a][b].generation;
  schedule(random_.between(100, 3 * ms), "hello", to, [this, from, to, a, b, life, generation] {
    if (links_[a][b].generation != generation || !servers_[from].up) return;
    if (!reachable(from, to)) return tell_hello(from, to, a, b);
    visit(to, life, "hello", [hello = servers_[from].hello, reached = to == a](node& n) { caf::anon_send(n.raft, peer_said{hello, reached}); });
  });
}

void world::say(node& from, const peers_say& s) {
  const auto slot = from.plan.slot;
  servers_[slot].hello = s.hello;
  for (uint32_t to = 0; to < most_servers; ++to) {
    if (links_[slot][to].up) tell_hello(slot, to, slot, to);
    if (links_[to][slot].up) tell_hello(slot, to, to, slot);
  }
}

// ---- Raft messages -----------------------------------------------------------------------------------------------

void world::send(node& from, const peers_send& m) {
  const auto slot = from.plan.slot;
  for (const auto& one : m.messages) {
    const bool leads = one.kind == raft::message_kind::append || one.kind == raft::message_kind::heartbeat;
    if (leads) saw_leader(slot, one.term);
    const auto to = slot_of(one.to);
    if (to == most_servers || !links_[slot][to].up) continue;
    const auto arrivals = network_.plan(slot, to);
    for (size_t i = 0; i < arrivals.count; ++i) {
      std::string bytes;
      raft::encode(one, bytes);
      carry(slot, to, servers_[to].life, std::move(bytes), arrivals.delay[i]);
    }
  }
}

void world::carry(uint32_t from, uint32_t to, uint64_t life, std::string bytes, uint64_t delay) {
  (void)from;
  schedule(delay, "messages", to, [this, to, life, bytes = std::move(bytes)] {
    visit(to, life, "messages", [this, bytes](node& n) {
      auto m = raft::decode(bytes);
      if (!m) return fail("wire: a message does not decode: " + m.err().text);
      peer_messages arrived;
      arrived.messages.push_back(std::move(*m));
      caf::anon_send(n.raft, std::move(arrived));
    });
  });
}

// ---- questions ---------------------------------------------------------------------------------------------------

void world::ask(node& from, peers_ask& a) {
  const auto slot = from.plan.slot, to = slot_of(a.to);
  const auto number = next_question_++;
  question q;
  q.from = slot;
  q.to = to;
  q.life = from.plan.life;
  q.id = a.id;
  questions_[number] = q;
  if (to == most_servers || !links_[slot][to].up) return settle_question(number, {errc::no_leader, "no connection"}, {});
  auto& kept = questions_[number];
  kept.generation = links_[slot][to].generation;
  // With a peer that does not read, part of what is asked waits in our outbox and can be taken back.
  kept.kept = (network_.is_cut(slot, to) || servers_[to].hung_until > now()) && random_.chance(0.3);
  if (!kept.kept) carry_question(kept, std::move(a.body));
  schedule(ask_timeout, "late", slot, [this, number] {
    auto at = questions_.find(number);
    if (at == questions_.end()) return;
    const auto code = at->second.kept ? errc::no_leader : errc::unknown_outcome;
    settle_question(number, {code, "no answer in time"}, {});
  });
}

// Goes on trying while the connection lasts, as TCP does; what has arrived at a process that hangs is read when it goes on.
void world::carry_question(question q, std::string body) {
  const auto life = servers_[q.to].life;
  schedule(random_.between(50, 2 * ms), "question", q.to, [this, q, life, body = std::move(body)]() mutable {
    if (network_.is_cut(q.from, q.to)) {
      if (links_[q.from][q.to].generation != q.generation) return;
      schedule(random_.between(20 * ms, 200 * ms), "question again", q.to, [this, q, body = std::move(body)]() mutable { carry_question(q, std::move(body)); });
      return;
    }
    visit(q.to, life, "question", [this, q, body = std::move(body)](node& n) {
      const auto number = connection_number(q.from, q.to, q.generation);
      connections_[number] = {q.from, q.to};
      caf::anon_send(n.raft, peer_question{servers_[q.from].hello.id, number, q.id, body});
    });
  });
}

void world::reply(node& from, const peers_reply& r) {
  auto at = connections_.find(r.connection);
  if (at == connections_.end() || at->second.second != from.plan.slot) return fail("an answer goes to a connection that never was");
  for (auto& [number, q] : questions_) {
    if (q.id != r.id || q.kept || connection_number(q.from, q.to, q.generation) != r.connection) continue;
    return carry_answer(q, r.body);
  }
}

void world::carry_answer(question q, std::string body) {
  schedule(random_.between(50, 2 * ms), "answer", q.from, [this, q, body = std::move(body)]() mutable {
    if (links_[q.from][q.to].generation != q.generation) return;
    if (network_.is_cut(q.to, q.from)) {
      schedule(random_.between(20 * ms, 200 * ms), "answer again", q.from, [this, q, body = std::move(body)]() mutable { carry_answer(q, std::move(body)); });
      return;
    }
    visit(q.from, q.life, "answer", [this, q, body = std::move(body)](node&) {
      for (auto& [number, open] : questions_)
        if (open.id == q.id && open.from == q.from && open.life == q.life) return settle_question(number, {}, body);
    });
  });
}

void world::settle_question(uint64_t number, error failure, std::string body) {
  const auto q = questions_[number];
  questions_.erase(number);
  visit(q.from, q.life, "settled", [q, failure, body](node& n) { caf::anon_send(n.raft, peer_answer{q.id, failure, body}); });
}

// ---- snapshots ---------------------------------------------------------------------------------------------------

void world::send_snapshot(node& from, const peers_send_snapshot& m) {
  std::ifstream in(m.path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  const auto slot = from.plan.slot, to = slot_of(m.to);
  const auto life = from.plan.life;
  if (!in || to == most_servers)
    return schedule(random_.between(100, 500) * ms, "no snapshot", slot, [this, slot, life, m] {
      visit(slot, life, "no snapshot", [&m](node& n) { caf::anon_send(n.raft, snapshot_was_sent{m.to, m.install.log_index, false}); });
    });
  auto bytes = std::make_shared<const std::string>(all.str());
  carry_snapshot(slot, life, to, m.install, std::move(bytes), 5);
}

void world::carry_snapshot(uint32_t from, uint64_t from_life, uint32_t to, raft::message install, std::shared_ptr<const std::string> bytes, uint64_t tries) {
  schedule(random_.between(5, 600) * ms, "snapshot", to, [this, from, from_life, to, install = std::move(install), bytes = std::move(bytes), tries] {
    auto outcome = [this, from, from_life, to, at = install.log_index](bool arrived) {
      schedule(random_.between(1, 50) * ms, "snapshot sent", from, [this, from, from_life, to, at, arrived] {
        visit(from, from_life, "snapshot sent", [this, to, at, arrived](node& n) { caf::anon_send(n.raft, snapshot_was_sent{servers_[to].hello.id, at, arrived}); });
      });
    };
    auto& s = servers_[to];
    if (servers_[from].life != from_life && random_.chance(0.5)) return;
    if (!s.up || !reachable(from, to)) {
      if (tries == 0) return outcome(false);
      return carry_snapshot(from, from_life, to, install, bytes, tries - 1);
    }
    ++result_.snapshots;
    visit(to, s.life, "snapshot", [this, to, install, bytes](node& n) {
      const auto path = servers_[to].folder + "/snapshot-in-" + std::to_string(next_file_++) + ".part";
      std::ofstream(path, std::ios::binary) << *bytes;
      caf::anon_send(n.raft, snapshot_arrived{install, path});
    });
    outcome(!random_.chance(0.1)); // the last word may get lost
  });
}

} // namespace actord::sim::whole
