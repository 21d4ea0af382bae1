#include "tests/actors/peers/peers_fixture.hpp"

using namespace peers_test;

namespace {

raft::message append_to(const server_id& from, const server_id& to, uint64_t index, std::string payload = "x") {
  raft::message m;
  m.kind = raft::message_kind::append;
  m.from = from;
  m.to = to;
  m.term = raft_term{3};
  m.log_index = raft_index{index};
  m.entries.push_back({raft_index{index + 1}, raft_term{3}, raft::entry_kind::command, 0, std::make_shared<const std::string>(std::move(payload))});
  return m;
}

} // namespace

TEST_CASE("raft messages flow both ways between two servers") {
  server a("a"), b("b");
  a.want({{"b", b.address()}});
  b.want({{"a", a.address()}});
  REQUIRE(a.hears_of("b", 2)); // by its own connection and by the other's
  REQUIRE(b.hears_of("a", 2));
  peers_send to_b, to_a;
  for (uint64_t i = 0; i < 1000; ++i) to_b.messages.push_back(append_to("a", "b", i));
  to_a.messages.push_back(append_to("b", "a", 7, std::string(3 << 20, 'y')));
  a.send(to_b);
  b.send(to_a);
  REQUIRE(b.h->until([&] { return b.h->messages.size() == 1000; }));
  REQUIRE(a.h->until([&] { return a.h->messages.size() == 1; }));
  for (uint64_t i = 0; i < 1000; ++i) REQUIRE(b.h->messages[i].log_index.v == i);
  CHECK(a.h->messages[0].entries[0].size() == 3 << 20);
}

TEST_CASE("an address without an id is dialled and its server is known by its hello") {
  server a("a"), b("b");
  a.want({{"", b.address()}, {"", a.address()}});
  REQUIRE(a.hears_of("b"));
  a.send(peers_send{{append_to("a", "b", 1)}});
  REQUIRE(b.h->until([&] { return b.h->messages.size() == 1; }));
  // The id becomes known: the same connection goes on.
  a.want({{"", b.address()}, {"b", b.address()}, {"", a.address()}});
  a.send(peers_send{{append_to("a", "b", 2)}});
  REQUIRE(b.h->until([&] { return b.h->messages.size() == 2; }));
  CHECK(a.h->lost.empty());
}

TEST_CASE("a host name is resolved") {
  server a("a"), b("b");
  a.want({{"", "localhost:" + std::to_string(b.port())}});
  CHECK(a.hears_of("b"));
}

TEST_CASE("questions are answered, and those to nobody fail at once as never sent") {
  server a("a"), b("b");
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  a.send(peers_ask{"b", 1, "how much"});
  a.send(peers_ask{"c", 2, "who"});
  REQUIRE(a.h->until([&] { return a.h->answers.size() == 2; }));
  for (auto& x : a.h->answers) {
    if (x.id == 1) CHECK(x.body == "answer to how much of a");
    if (x.id == 2) CHECK(x.failure.code == errc::no_leader);
  }
}

TEST_CASE("a question whose server says nothing, or dies, has an unknown outcome") {
  server a("a", 0, [](auto& s) { s.ask_timeout = 300ms; });
  auto b = std::make_unique<server>("b");
  b->h->mute = true;
  a.want({{"b", b->address()}});
  REQUIRE(a.hears_of("b"));
  a.send(peers_ask{"b", 1, "slow"});
  REQUIRE(a.h->until([&] { return a.h->answers.size() == 1; }));
  CHECK(a.h->answers[0].failure.code == errc::unknown_outcome);
  a.send(peers_ask{"b", 2, "dying"});
  b.reset();
  REQUIRE(a.h->until([&] { return a.h->answers.size() == 2; }));
  CHECK(a.h->answers[1].failure.code == errc::unknown_outcome);
  CHECK(a.h->until([&] { return a.h->lost.size() == 1; }));
}

TEST_CASE("a server that comes back is connected again") {
  server a("a");
  auto b = std::make_unique<server>("b");
  const auto port = b->port();
  a.want({{"b", b->address()}});
  REQUIRE(a.hears_of("b"));
  b.reset();
  REQUIRE(a.h->until([&] { return a.h->lost.size() == 1; }));
  b = std::make_unique<server>("b", port);
  REQUIRE(a.hears_of("b", 2));
  a.send(peers_send{{append_to("a", "b", 5)}});
  REQUIRE(b->h->until([&] { return b->h->messages.size() == 1; }));
}

TEST_CASE("a changed hello is told to all who are connected") {
  server a("a"), b("b");
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  auto changed = b.setup.self;
  changed.bootstrapped = true;
  changed.known["c"] = "10.0.0.3:8300";
  b.send(peers_say{changed});
  REQUIRE(a.h->until([&] { return a.h->said.back() == changed; }));
}

TEST_CASE("a server of another datacenter is refused") {
  server a("a"), b("b", 0, [](auto& s) { s.self.datacenter = "dc2"; }), c("c");
  a.want({{"", b.address()}, {"", c.address()}});
  b.want({{"", a.address()}});
  REQUIRE(a.hears_of("c"));
  std::lock_guard hold(a.h->lock);
  for (auto& s : a.h->said) CHECK(s.id != "b");
}

TEST_CASE("an address in use is an error that names it") {
  server a("a");
  peers_setup s;
  s.bind = {"127.0.0.1", a.port()};
  auto spawned = spawn_peers_actor(a.system, s, caf::actor_cast<raft_handle>(a.raft));
  REQUIRE_FALSE(spawned.ok());
  CHECK(spawned.err().text.find(a.address()) != std::string::npos);
}

TEST_CASE("servers talk over IPv6") {
  auto on_v6 = [](peers_setup& s) {
    auto fd = net::listen_on("::1", 0);
    if (!fd) return; // a machine without IPv6 says the same over IPv4
    ::close(s.listener);
    s.bind.ip = "::1";
    s.listener = *fd;
    s.self.address = net::format_endpoint("::1", net::port_of(*fd));
  };
  server a("a", 0, on_v6), b("b", 0, on_v6);
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  a.send(peers_send{{append_to("a", "b", 1)}});
  REQUIRE(b.h->until([&] { return b.h->messages.size() == 1; }));
}

TEST_CASE("another server with our own id is refused") {
  server a("a"), twin("a"), c("c");
  a.want({{"", twin.address()}, {"c", c.address()}});
  REQUIRE(a.hears_of("c"));
  twin.want({{"", a.address()}, {"c", c.address()}});
  REQUIRE(twin.hears_of("c"));
  std::lock_guard hold(a.h->lock);
  for (auto& s : a.h->said) CHECK(s.id != "a");
}
