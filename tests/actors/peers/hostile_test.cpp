#include "actors/peers/core/frames.hpp"
#include "runtime/base/prng.hpp"
#include "tests/actors/peers/peers_fixture.hpp"
#include "tests/support/eventually.hpp"
#include <fstream>
#include <poll.h>
#include <sys/resource.h>
#include <thread>

using namespace peers_test;

namespace {

int connect_to(const std::string& address, const std::string& from = {}) {
  auto to = net::parse_endpoint(address);
  REQUIRE(to.ok());
  const int fd = ::socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  if (net::endpoint own; !from.empty() && net::read_ip(from, 0, own)) REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&own.storage), own.length) == 0);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0);
  return fd;
}

void write_all(int fd, std::string_view bytes) { (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

// Whether the other side closes within the bound; what it sends before is read and dropped.
bool is_closed(int fd, int bound_ms = 10000) {
  char buffer[4096];
  pollfd p{fd, POLLIN, 0};
  while (::poll(&p, 1, bound_ms) == 1)
    if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return true;
  return false;
}

size_t open_descriptors() {
  const std::filesystem::directory_iterator begin("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator{}));
}

size_t resident_kib() {
  std::ifstream in("/proc/self/statm");
  size_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

void allow_descriptors() {
  rlimit l{};
  ::getrlimit(RLIMIT_NOFILE, &l);
  l.rlim_cur = std::min<rlim_t>(l.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &l);
}

raft::message heartbeat(const server_id& from, const server_id& to) {
  raft::message m;
  m.from = from;
  m.to = to;
  m.term = raft_term{1};
  return m;
}

} // namespace

TEST_CASE("1,200 connections that say nothing are bounded and closed, and the servers do not notice") {
  allow_descriptors();
  server a("a", 0, [](auto& s) { s.greet_timeout = 1500ms; }), b("b");
  b.want({{"a", a.address()}});
  REQUIRE(a.hears_of("b"));
  const auto descriptors = open_descriptors();
  const auto before = resident_kib();
  std::vector<int> silent;
  for (int i = 0; i < 1200; ++i) silent.push_back(connect_to(a.address()));
  b.send(peers_send{{heartbeat("b", "a")}});
  REQUIRE(a.h->until([&] { return a.h->messages.size() == 1; }));
  CHECK(is_closed(silent[0])); // for the bound on their number, or for time
  CHECK(resident_kib() < before + 64 * 1024);
  for (int fd : silent) REQUIRE(is_closed(fd));
  for (int fd : silent) ::close(fd);
  const int last = connect_to(a.address()); // by now the descriptors of those before are gone
  CHECK(is_closed(last));
  ::close(last);
  CHECK(open_descriptors() <= descriptors + 4);
  CHECK(b.h->lost.empty());
}

TEST_CASE("garbage, Consul's own protocol and a too long first frame end the connection") {
  server a("a");
  prng random(3);
  std::vector<std::string> bad{
      std::string(1, '\4'), std::string("\x16\x03\x01", 3), "GET / HTTP/1.1\r\n\r\n",
      std::string("\xac\x00\x02\x00\x00\x01", 6),                                       // 128 KiB before the hello
      std::string("\xac\x00\x00\x00\x00", 5),                                           // an empty frame
      std::string(1, '\xac') + peer::encode_empty(peer::frame_kind::ping),              // no hello first
      std::string(1, '\xac') + peer::encode(peer::snapshot_ack{1, true}),
  };
  for (int i = 0; i < 50; ++i) {
    std::string noise(1, '\xac');
    noise.append("\xff", 1);
    for (int k = 0; k < 200; ++k) noise.push_back(static_cast<char>(random()));
    bad.push_back(noise);
  }
  for (const auto& bytes : bad) {
    const int fd = connect_to(a.address());
    write_all(fd, bytes);
    CHECK(is_closed(fd, 4000));
    ::close(fd);
  }
}

TEST_CASE("frames of random bytes after a hello harm nobody") {
  server a("a"), b("b");
  b.want({{"a", a.address()}});
  REQUIRE(a.hears_of("b"));
  peer::hello h;
  h.id = "x";
  h.datacenter = "dc1";
  prng random(5);
  for (int i = 0; i < 200; ++i) {
    const int fd = connect_to(a.address());
    h.purpose = random.chance(0.5) ? peer::purpose::raft : peer::purpose::snapshot;
    std::string bytes = "\xac" + peer::encode(h);
    for (int k = 0; k < 500; ++k) {
      const auto n = 1 + random.below(60);
      bytes.append(3, '\0');
      bytes.push_back(static_cast<char>(n));
      bytes.push_back(static_cast<char>(random.below(13)));
      for (uint64_t j = 1; j < n; ++j) bytes.push_back(static_cast<char>(random()));
    }
    write_all(fd, bytes);
    ::close(fd);
  }
  b.send(peers_send{{heartbeat("b", "a")}});
  REQUIRE(a.h->until([&] { return !a.h->messages.empty(); }));
  CHECK(b.h->lost.empty());
}

TEST_CASE("who asks much more than is answered loses its connection, and the same question counts once") {
  server a("a", 0, [](auto& s) { s.max_unanswered_bytes = 4 << 20; });
  a.h->mute = true;
  peer::hello h;
  h.id = "x";
  h.datacenter = "dc1";
  const int fd = connect_to(a.address());
  write_all(fd, "\xac" + peer::encode(h));
  const std::string body(60'000, 'q');
  bool closed = false;
  const auto ask = [&](uint64_t id, std::string_view what) {
    const auto f = peer::encode(peer::frame_kind::question, peer::numbered{id, std::string(what)});
    closed = closed || ::send(fd, f.data(), f.size(), MSG_NOSIGNAL) < 0;
  };
  for (int i = 0; i < 200; ++i) ask(7, body);
  write_all(fd, peer::encode_empty(peer::frame_kind::ping));
  std::string heard;
  for (char buffer[4096]; !heard.ends_with(peer::encode_empty(peer::frame_kind::pong));) { // all before it were taken
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    REQUIRE(n > 0);
    heard.append(buffer, static_cast<size_t>(n));
  }
  CHECK_FALSE(closed);
  for (uint64_t id = 100; id <= 4000 && !closed; ++id) ask(id, body);
  CHECK((closed || is_closed(fd)));
  ::close(fd);
}

TEST_CASE("a peer that never reads bounds our memory and delays nobody else") {
  server a("a", 0, [](auto& s) { s.max_queued_bytes = 8 << 20; s.silent_limit = 60s; }), c("c");
  auto listener = net::listen_on("127.0.0.1", 0);
  REQUIRE(listener.ok());
  a.want({{"stuck", "127.0.0.1:" + std::to_string(net::port_of(*listener))}, {"c", c.address()}});
  pollfd p{*listener, POLLIN, 0};
  REQUIRE(::poll(&p, 1, 10000) == 1);
  const int stuck = ::accept(*listener, nullptr, nullptr);
  peer::hello h;
  h.id = "stuck";
  h.datacenter = "dc1";
  write_all(stuck, peer::encode(h));
  REQUIRE(a.hears_of("stuck"));
  REQUIRE(a.hears_of("c"));
  auto big = heartbeat("a", "stuck");
  big.kind = raft::message_kind::append;
  big.entries.push_back({raft_index{1}, raft_term{1}, raft::entry_kind::command, 0, std::make_shared<const std::string>(1 << 20, 'b')});
  const auto before = resident_kib();
  for (size_t i = 1; i <= 300; ++i) {
    a.send(peers_send{{big, heartbeat("a", "c")}});
    REQUIRE(c.h->until([&] { return c.h->messages.size() == i; }));
  }
  CHECK(resident_kib() < before + 48 * 1024);
  ::close(stuck);
  ::close(*listener);
}

TEST_CASE("a peer that never reads does not hold up the end") {
  auto listener = net::listen_on("127.0.0.1", 0);
  REQUIRE(listener.ok());
  int stuck = -1;
  const auto start = std::chrono::steady_clock::now();
  {
    server a("a", 0, [](auto& s) { s.silent_limit = 60s; });
    a.want({{"stuck", "127.0.0.1:" + std::to_string(net::port_of(*listener))}});
    pollfd p{*listener, POLLIN, 0};
    REQUIRE(::poll(&p, 1, 10000) == 1);
    stuck = ::accept(*listener, nullptr, nullptr);
    peer::hello h;
    h.id = "stuck";
    h.datacenter = "dc1";
    write_all(stuck, peer::encode(h));
    REQUIRE(a.hears_of("stuck"));
    a.send(peers_ask{"stuck", 1, std::string(32 << 20, 'q')});
  }
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  ::close(stuck);
  ::close(*listener);
}

TEST_CASE("a server that says hello and then nothing is given up and dialled again") {
  server a("a", 0, [](auto& s) { s.ping_interval = 50ms; s.silent_limit = 300ms; });
  auto listener = net::listen_on("127.0.0.1", 0);
  REQUIRE(listener.ok());
  a.want({{"hung", "127.0.0.1:" + std::to_string(net::port_of(*listener))}});
  peer::hello h;
  h.id = "hung";
  h.datacenter = "dc1";
  std::vector<int> open;
  for (size_t i = 1; i <= 2; ++i) {
    pollfd p{*listener, POLLIN, 0};
    REQUIRE(::poll(&p, 1, 10000) == 1);
    open.push_back(::accept(*listener, nullptr, nullptr));
    write_all(open.back(), peer::encode(h));
    REQUIRE(a.h->until([&] { return a.h->lost.size() == i; }));
  }
  for (int fd : open) ::close(fd);
  ::close(*listener);
}

TEST_CASE("a server that accepts and says nothing costs no more than the time to dial") {
  server a("a", 0, [](auto& s) { s.dial_timeout = 200ms; });
  auto listener = net::listen_on("127.0.0.1", 0);
  REQUIRE(listener.ok());
  a.want({{"", "127.0.0.1:" + std::to_string(net::port_of(*listener))}});
  for (int i = 0; i < 2; ++i) {
    pollfd p{*listener, POLLIN, 0};
    REQUIRE(::poll(&p, 1, 10000) == 1);
    const int fd = ::accept(*listener, nullptr, nullptr);
    CHECK(is_closed(fd));
    ::close(fd);
  }
  ::close(*listener);
}

TEST_CASE("strangers push out nobody who comes from another address, by their number, by a false name or by what they make us hold") {
  server a("a", 0, [](auto& s) {
    s.max_accepted = 16;
    s.max_held_bytes = 12 << 20;
  });
  std::vector<int> strangers;
  const auto come = [&](const std::string& name, const std::string& from = "127.0.0.2") {
    peer::hello h;
    h.id = name;
    h.datacenter = "dc1";
    const int fd = connect_to(a.address(), from);
    write_all(fd, "\xac" + peer::encode(h));
    return fd;
  };
  SUBCASE("number and name") {
    server b("b");
    b.want({{"a", a.address()}});
    REQUIRE(a.hears_of("b"));
    bool as_others = true;
    SUBCASE("as others") {}
    SUBCASE("as that server") { as_others = false; }
    for (int i = 0; i < 20; ++i) strangers.push_back(come(as_others ? "x" + std::to_string(i) : "b"));
    if (as_others) REQUIRE(a.hears_of("x19"));
    else REQUIRE(a.hears_of("b", 21));
    b.send(peers_send{{heartbeat("b", "a")}});
    REQUIRE(a.h->until([&] { return !a.h->messages.empty(); }));
    CHECK(b.h->lost.empty());
  }
  SUBCASE("bytes") {
    const auto begin_frame = [](int fd, size_t bytes) {
      std::string part("\x00\x30\x00\x00\x01", 5); // of 3 MiB
      write_all(fd, part + std::string(bytes, 'x'));
    };
    const int good = come("b", "127.0.0.1");
    // What is held is the room of a buffer, up to twice its bytes: always more than any stranger's, and when it is too much less than all of theirs.
    begin_frame(good, 11 << 18);
    for (int i = 0; i < 8; ++i) begin_frame(strangers.emplace_back(come("x" + std::to_string(i))), 5 << 18);
    REQUIRE(a.hears_of("x7"));
    // One has to go.
    const auto ended = [](int fd) {
      char buffer[4096];
      ssize_t n = 1;
      while ((n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {}
      return n == 0 || errno != EAGAIN;
    };
    bool gone = false, good_gone = false;
    CHECK(test::eventually([&] {
      good_gone = ended(good);
      gone = good_gone || std::any_of(strangers.begin(), strangers.end(), ended);
      return gone;
    }));
    CHECK(!good_gone);
    ::close(good);
  }
  for (int fd : strangers) ::close(fd);
}
