#include "actors/gossip/stream_broker.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/stream_socket.hpp"
#include "actors/gossip/core/stream.hpp"
#include "tests/actors/gossip/pool_fixture.hpp"
#include <ctime>
#include <sys/resource.h>
#include <unistd.h>

using namespace pool_test;

namespace {
const std::string key_a(16, 'a'), key_b(32, 'b');
}

TEST_CASE("who joins is seen by all, and hears of all") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b"), c(system, "c");
  CHECK(b.join(a.address()).reached == 1);
  CHECK(c.join(b.address()).reached == 1);
  for (auto* one : {&a, &b, &c}) CHECK(test::eventually([&] { return one->sees_alive({"a", "b", "c"}); }));
  CHECK(test::eventually([&] { return !a.board->look()->coordinates.empty(); }));
}

TEST_CASE("joining nobody says why, as Consul's serf does") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a");
  auto nobody = gossip::datagram_socket::open("127.0.0.1", 0); // a port on which no stream is accepted
  REQUIRE(nobody);
  const auto to = "127.0.0.1:" + std::to_string((*nobody)->port());
  const auto done = a.join(to);
  CHECK(done.reached == 0);
  CHECK(done.failure.text == "1 error occurred:\n\t* Failed to join 127.0.0.1: dial tcp " + to + ": connect: connection refused\n\n");
}

TEST_CASE("a user event reaches every member once") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b");
  REQUIRE(b.join(a.address()).reached == 1);
  CHECK(a.ask<agent_done>(pool_fire{"deploy", "v1", false}).failure.code == errc::none);
  CHECK(test::eventually([&] { return b.news->events_called("deploy") == 1; }));
  CHECK(a.news->events_called("deploy") == 1);
  const auto refused = a.ask<agent_done>(pool_fire{"big", std::string(600, 'x'), false});
  CHECK(refused.failure.text == "user event exceeds configured limit of 512 bytes before encoding");
}

TEST_CASE("who leaves is left and who is gone has failed, until it is forced to leave") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b"), c(system, "c");
  REQUIRE(b.join(a.address()).reached == 1);
  REQUIRE(c.join(a.address()).reached == 1);
  REQUIRE(test::eventually([&] { return a.sees_alive({"b", "c"}) && b.sees_alive({"c"}); }));
  CHECK(b.ask<agent_done>(pool_leave{}).failure.code == errc::none);
  CHECK(test::eventually([&] { return a.sees("b", members::member_status::left) && c.sees("b", members::member_status::left); }));
  b.stop();
  c.stop();
  CHECK(test::eventually([&] { return a.sees("c", members::member_status::failed); }));
  CHECK(a.ask<agent_done>(pool_force_leave{"nobody", false}).failure.text == "agent: No node found with name 'nobody'");
  CHECK(a.ask<agent_done>(pool_force_leave{"c", false}).failure.code == errc::none);
  CHECK(test::eventually([&] { return a.sees("c", members::member_status::left); }));
}

// Before, it knew nobody and left without a word, and the other side had just taken it in.
TEST_CASE("who leaves while it joins has left where it was taken in, and joins nobody after that") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b");
  caf::anon_send(b.pool, pool_join{{a.address()}}); // leaving is the next that it hears
  CHECK(b.ask<agent_done>(pool_leave{}).failure.code == errc::none);
  CHECK(b.join(a.address()).failure.text == "this agent is leaving the pool");
  b.stop();
  CHECK(test::eventually([&] { return a.sees("b", members::member_status::left); }));
}

TEST_CASE("tags are announced") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b");
  REQUIRE(b.join(a.address()).reached == 1);
  caf::anon_send(a.pool, pool_tags{{{"role", "web"}}});
  CHECK(test::eventually([&] {
    const auto view = b.board->look();
    const auto* m = view->find("a");
    return m != nullptr && m->tags == members::tag_table{{"role", "web"}};
  }));
}

TEST_CASE("only who has the key is a member, and keys are exchanged without losing anybody") {
  config cfg;
  caf::actor_system system(cfg);
  folder f;
  auto sealed = [](gossip::pool_setup& s) { s.keys = {key_a}; };
  agent a(system, "a", [&](gossip::pool_setup& s) { s.keys = {key_a}, s.keyring_path = f.path + "/serf/local.keyring"; });
  agent b(system, "b", sealed), plain(system, "plain"), wrong(system, "wrong", [](gossip::pool_setup& s) { s.keys = {key_b}; });
  CHECK(f.read("serf/local.keyring") == "[\"" + gossip::key_text(key_a) + "\"]");
  CHECK(b.join(a.address()).reached == 1);
  CHECK(plain.join(a.address()).reached == 0);
  CHECK(wrong.join(a.address()).reached == 0);
  using operation = members::key_operation;
  auto change = [&](operation what, const std::string& key) { return a.ask<pool_keys_done>(pool_keys{what, key, 0, false}).outcome; };
  CHECK(change(operation::install, key_b).error.empty());
  CHECK(change(operation::use, key_b).error.empty());
  CHECK(change(operation::remove, key_b).error == "2/2 nodes reported failure");
  CHECK(change(operation::remove, key_a).error.empty());
  const auto listed = change(operation::list, "");
  CHECK(listed.keys == std::map<std::string, size_t>{{gossip::key_text(key_b), 2}});
  CHECK(f.read("serf/local.keyring") == "[\n  \"" + gossip::key_text(key_b) + "\"\n]");
  CHECK(wrong.join(a.address()).reached == 1);
  CHECK(test::eventually([&] { return a.sees_alive({"b", "wrong"}) && a.board->look()->find("plain") == nullptr; }));
}

TEST_CASE("who comes back joins those that it knew") {
  config cfg;
  caf::actor_system system(cfg);
  folder f;
  auto kept = [&](gossip::pool_setup& s) { s.snapshot_path = f.path + "/local.snapshot"; };
  agent a(system, "a");
  {
    agent b(system, "b", kept);
    REQUIRE(b.join(a.address()).reached == 1);
    REQUIRE(test::eventually([&] { return a.sees_alive({"b"}); }));
  }
  REQUIRE(test::eventually([&] { return a.sees("b", members::member_status::failed); }));
  CHECK(f.read("local.snapshot").find("alive: a " + a.address()) != std::string::npos);
  a.stop();
  const auto port = static_cast<uint16_t>(std::stoi(a.address().substr(10)));
  REQUIRE(test::eventually([&] { // the broker closes its listener in its own time
    auto again = net::listen_on("127.0.0.1", port);
    if (again) ::close(*again);
    return again.ok();
  }));
  // The address is another process's by now, who knows nothing of b.
  agent c(system, "c", [&](gossip::pool_setup& s) { s.bind_port = port; });
  agent b(system, "b", kept);
  CHECK(test::eventually([&] { return c.sees_alive({"b"}); }));
}

TEST_CASE("a member that the veto names does not get in") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a", [](gossip::pool_setup& s) {
    s.veto = [](const std::vector<members::claim>& all) -> std::optional<std::string> {
      for (const auto& c : all)
        if (c.name == "evil") return "no";
      return {};
    };
  });
  agent evil(system, "evil"), good(system, "good");
  (void)evil.join(a.address());
  CHECK(good.join(a.address()).reached == 1);
  CHECK(test::eventually([&] { return a.sees_alive({"good"}); }));
  CHECK(a.board->look()->find("evil") == nullptr);
}

TEST_CASE("garbage, spoofed members and half streams neither stop a pool nor harm its members") {
  config cfg;
  caf::actor_system system(cfg);
  auto closed = [](gossip::pool_setup& s) { s.allowed_networks = {"127.0.0.0/8"}; };
  agent a(system, "a", closed), b(system, "b", closed);
  REQUIRE(b.join(a.address()).reached == 1);
  auto socket = gossip::datagram_socket::open("127.0.0.1", 0);
  REQUIRE(socket);
  const auto port = static_cast<uint16_t>(std::stoi(a.address().substr(10)));
  const gossip::address to{std::string("\x7f\0\0\1", 4), port};
  prng random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    if (i % 2 == 0) {
      for (uint64_t n = random.below(300); n > 0; --n) bytes.push_back(static_cast<char>(random()));
    } else { // a stranger from a network that is not allowed
      gossip::alive m{1, "ghost" + std::to_string(i), {std::string("\x0a\0\0\1", 4), 1}, {}, gossip::versions{1, 5, 2, 2, 5, 4}};
      bytes = gossip::encode(m);
    }
    const gossip::datagram one{bytes, to};
    (*socket)->send({&one, 1});
  }
  gossip::dead lie{1, "b", "a"}; // b refutes it
  const gossip::datagram one{gossip::encode(lie), to};
  (*socket)->send({&one, 1});
  CHECK(test::eventually([&] { return a.sees_alive({"a", "b"}) && b.sees_alive({"a", "b"}); }));
  CHECK(a.board->look()->members.size() == 2);
}

TEST_CASE("packets that nobody can read are told of, though there is nothing else to say") {
  std::mutex lock;
  std::string told;
  const int id = log::add_sink(log::level::warn, [&](const log::record& r) {
    std::lock_guard hold(lock);
    if (r.subsystem == "lonely.memberlist.lan") told += r.text;
  });
  {
    config cfg;
    caf::actor_system system(cfg);
    agent a(system, "a", [](gossip::pool_setup& s) {
      s.log_name = "lonely";
      s.log_interval = 50ms;
    });
    auto socket = gossip::datagram_socket::open("127.0.0.1", 0);
    REQUIRE(socket);
    const gossip::address to{std::string("\x7f\0\0\1", 4), static_cast<uint16_t>(std::stoi(a.address().substr(10)))};
    CHECK(test::eventually([&] {
      const gossip::datagram junk{"\xff junk", to};
      (*socket)->send({&junk, 1});
      std::lock_guard hold(lock);
      return told.find("packets were dropped: undecodable=") != told.npos;
    }));
  }
  log::remove_sink(id);
}

TEST_CASE("streams that nobody uses shut out nobody who has something to say, and a lack of descriptors is waited for") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a"), b(system, "b"), c(system, "c");
  auto to = net::parse_endpoint(a.address());
  REQUIRE(to.ok());
  std::vector<int> idle;
  const auto connect_one = [&] {
    idle.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(idle.back(), reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0);
  };
  for (size_t i = 0; i < gossip::most_accepted + 20; ++i) connect_one();
  CHECK(b.join(a.address()).reached == 1);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next) + 1, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  connect_one(); // waits to be accepted, and no descriptor is left
  const auto cpu = std::clock();
  test::let_pass(500ms);
  CHECK(std::clock() - cpu < CLOCKS_PER_SEC / 4);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(c.join(a.address()).reached == 1);
  for (const int fd : idle) ::close(fd);
}

TEST_CASE("strangers whose streams are many, or make us hold much, push out nobody who comes from another address") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a", [](gossip::pool_setup& s) { s.knobs.tcp_timeout = 60s; });
  auto to = net::parse_endpoint(a.address());
  REQUIRE(to.ok());
  std::vector<int> strangers;
  const auto connect_from = [&](const std::string& ip) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net::endpoint own;
    REQUIRE(net::read_ip(ip, 0, own));
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&own.storage), own.length) == 0);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0);
    return fd;
  };
  const auto ended = [](int fd) {
    char buffer[4096];
    ssize_t n = 1;
    while ((n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {}
    return n == 0 || errno != EAGAIN;
  };
  const int good = connect_from("127.0.0.1");
  SUBCASE("many") {
    for (size_t i = 0; i < gossip::most_accepted + 20; ++i) strangers.push_back(connect_from("127.0.0.2"));
  }
  SUBCASE("much") {
    gossip::push_pull state;
    state.user_state = std::string(16 << 20, 's');
    const auto bytes = gossip::encode_stream(state, {.compress = false}, nullptr);
    REQUIRE(bytes.ok());
    const auto part = [&](size_t size) { return std::string_view(*bytes).substr(0, size); };
    const auto send = [](int fd, std::string_view text) { REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())); };
    for (int i = 0; i < 4; ++i) send(strangers.emplace_back(connect_from("127.0.0.2")), part(16'700'000)); // 64 MiB are the bound
    send(good, part(1 << 20));
  }
  CHECK(test::eventually([&] { return ended(good) || std::any_of(strangers.begin(), strangers.end(), ended); }));
  CHECK(!ended(good));
  for (const int fd : strangers) ::close(fd);
  ::close(good);
}

TEST_CASE("streams that make us hold too much go several at once, so that the next bytes are not another look at all of them") {
  config cfg;
  caf::actor_system system(cfg);
  agent a(system, "a", [](gossip::pool_setup& s) { s.knobs.tcp_timeout = 60s; });
  auto to = net::parse_endpoint(a.address());
  REQUIRE(to.ok());
  gossip::push_pull state;
  state.user_state = std::string(6 << 20, 's');
  const auto bytes = gossip::encode_stream(state, {.compress = false}, nullptr);
  REQUIRE(bytes.ok());
  std::vector<int> streams;
  for (int i = 0; i < 17; ++i) { // 68 MB, of which 64 MiB are the bound
    const int fd = streams.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0);
    ::send(fd, bytes->data(), 4'000'000, MSG_NOSIGNAL); // which fails where it is closed meanwhile
  }
  const auto ended = [&] {
    return std::count_if(streams.begin(), streams.end(), [](int fd) {
      char byte = 0;
      return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
    });
  };
  CHECK(test::eventually([&] { return ended() >= 3; }));
  CHECK(ended() < 6);
  for (const int fd : streams) ::close(fd);
}
