// The whole DNS front over real sockets and a real store.
#include "tests/api/dns/front_fixture.hpp"
#include "tests/support/failing_state.hpp"
#include <chrono>
#include <ctime>
#include <sys/resource.h>
#include <thread>

using namespace dns_test;

TEST_CASE_FIXTURE(front, "registrations are answered over UDP, and a change shows at once") {
  add("d1", "10.6.0.1", "web", 80);
  add("d2", "10.6.0.2", "web", 81, "warning");
  add("d3", "10.6.0.3", "web", 82, "critical");
  start();
  CHECK(plain::joined(udp("web.service.consul").answer) == "web.service.consul. 0 A 10.6.0.1; web.service.consul. 0 A 10.6.0.2");
  CHECK(udp("d3.node.consul").answer.at(0) == "d3.node.consul. 0 A 10.6.0.3");
  CHECK(udp("1.0.6.10.in-addr.arpa", dns::type::ptr).answer.at(0) == "1.0.6.10.in-addr.arpa. 0 PTR d1.node.dc1.consul.");
  CHECK(udp("web.connect.consul").code == 3);
  add("d2", "10.6.0.2", "web", 81, "critical");
  CHECK(plain::joined(udp("web.service.consul").answer) == "web.service.consul. 0 A 10.6.0.1");
  add("d1", "10.6.0.9", "web", 80);
  CHECK(plain::joined(udp("web.service.consul").answer) == "web.service.consul. 0 A 10.6.0.9");
  add("d4", "10.6.0.4", "late", 80);
  CHECK(udp("late.service.consul", dns::type::srv).answer.size() == 1);
}

TEST_CASE_FIXTURE(front, "what cannot be read is SERVFAIL and never NXDOMAIN, and is there when it can be read again") {
  add("d1", "10.6.0.1", "web", 80);
  start();
  const std::pair<std::string, uint16_t> names[] = {{"web.service.consul", dns::type::a}, {"web.service.consul", dns::type::srv}, {"none.service.consul", dns::type::a},
                                                    {"d1.node.consul", dns::type::a}, {"none.node.consul", dns::type::a}, {"web.connect.consul", dns::type::a},
                                                    {"1.0.6.10.in-addr.arpa", dns::type::ptr}};
  {
    test::no_readers_left hogs(*store);
    for (int round = 0; round < 2; ++round)
      for (auto& [name, type] : names) {
        CAPTURE(name);
        auto m = udp(name, type);
        CHECK(m.code == 2);
        CHECK(m.answer.empty());
        CHECK(m.authority.empty());
      }
  }
  CHECK(udp("web.service.consul").answer.at(0) == "web.service.consul. 0 A 10.6.0.1");
  CHECK(udp("d1.node.consul").answer.at(0) == "d1.node.consul. 0 A 10.6.0.1");
  CHECK(udp("none.node.consul").code == 3);
  test::damage(*store, &state::tables::nodes, "d1", "\xc1 no record");
  status->applied = status->applied + 1; // what is kept has to be looked at again
  CHECK(udp("d1.node.consul").code == 2);
}

TEST_CASE_FIXTURE(front, "TCP takes several questions at once, cut anywhere") {
  add("d1", "10.6.0.1", "web", 80);
  start();
  descriptor d{client(SOCK_STREAM, server->port())};
  std::vector<uint8_t> stream;
  for (auto name : {"web.service.consul", "d1.node.consul", "none.node.consul"}) {
    auto q = plain::question(name, dns::type::a);
    stream.push_back(0);
    stream.push_back(static_cast<uint8_t>(q.size()));
    stream.insert(stream.end(), q.begin(), q.end());
  }
  for (size_t at = 0; at < stream.size(); at += 17) {
    size_t n = std::min<size_t>(17, stream.size() - at);
    REQUIRE(::send(d.fd, stream.data() + at, n, 0) == static_cast<ssize_t>(n));
  }
  CHECK(read_frame(d.fd).answer.at(0) == "web.service.consul. 0 A 10.6.0.1");
  CHECK(read_frame(d.fd).answer.at(0) == "d1.node.consul. 0 A 10.6.0.1");
  CHECK(read_frame(d.fd).code == 3);
}

TEST_CASE_FIXTURE(front, "connections that are idle shut nobody out, neither by their number nor by taking all descriptors") {
  add("d1", "10.6.0.1", "web", 80);
  start();
  const auto asks = [&](int fd) {
    auto q = plain::question("web.service.consul", dns::type::a);
    const uint8_t head[2] = {0, static_cast<uint8_t>(q.size())};
    REQUIRE(::send(fd, head, 2, MSG_NOSIGNAL) == 2);
    REQUIRE(::send(fd, q.data(), q.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(q.size()));
    return read_frame(fd).answer.size() == 1;
  };
  descriptor busy{client(SOCK_STREAM, server->port())};
  CHECK(asks(busy.fd));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<std::unique_ptr<descriptor>> idle;
  SUBCASE("by their number, of one address") {
    for (int i = 0; i < 300; ++i) {
      idle.emplace_back(new descriptor{client(SOCK_STREAM, server->port())});
      if (i % 100 == 0) CHECK(asks(busy.fd)); // who asks is not the idlest
    }
    descriptor late{client(SOCK_STREAM, server->port())};
    CHECK(asks(late.fd));
    CHECK(asks(busy.fd));
    char byte;
    CHECK(::recv(idle.front()->fd, &byte, 1, 0) == 0); // the first of them had to go
  }
  SUBCASE("by taking all descriptors") {
    for (int i = 0; i < 20; ++i) idle.emplace_back(new descriptor{client(SOCK_STREAM, server->port())});
    CHECK(asks(idle.back()->fd)); // all before it are accepted
    descriptor late{client(SOCK_DGRAM, server->port())};
    ::close(late.fd);
    const rlimit none{static_cast<rlim_t>(late.fd) + 1, before.rlim_max}; // one more, for the client
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    late.fd = client(SOCK_STREAM, server->port());
    const auto cpu_before = std::clock();
    CHECK(asks(late.fd)); // an idle one was given up for it
    CHECK(std::clock() - cpu_before < CLOCKS_PER_SEC / 20); // and meanwhile nobody tried over and over: that takes 100 ms
    ::setrlimit(RLIMIT_NOFILE, &before);
  }
}

TEST_CASE_FIXTURE(front, "other names are asked of the recursors, of the next when one fails") {
  descriptor bad{::socket(AF_INET, SOCK_DGRAM, 0)}, good{::socket(AF_INET, SOCK_DGRAM, 0)};
  auto listen = [](int fd) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    socklen_t length = sizeof any;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&any), &length);
    return "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  };
  config.recursors = {listen(bad.fd), listen(good.fd)};
  add("d7", "elsewhere.example.com", "named", 93);
  auto serve = [](int fd, int times, bool refuse) {
    for (int i = 0; i < times; ++i) {
      uint8_t p[512];
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      ssize_t n = ::recvfrom(fd, p, sizeof p - 32, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (n < 12) return;
      p[2] |= 0x80;
      p[3] = refuse ? 5 : 0;
      auto size = static_cast<size_t>(n);
      if (!refuse) {
        p[7] = 1;
        for (uint8_t b : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 9, 8, 7, 6}) p[size++] = b;
      }
      ::sendto(fd, p, size, 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  };
  std::thread first(serve, bad.fd, 2, true), second(serve, good.fd, 2, false);
  start();
  auto m = udp("www.example.com");
  CHECK(plain::joined(m.answer) == "www.example.com. 60 A 9.8.7.6");
  CHECK(plain::joined(udp("named.service.consul").answer) ==
        "elsewhere.example.com. 0 A 9.8.7.6; named.service.consul. 0 CNAME elsewhere.example.com.");
  first.join();
  second.join();
}

TEST_CASE_FIXTURE(front, "the front stops within 100 ms, whatever is connected, and frees its port") {
  start();
  descriptor d{client(SOCK_STREAM, server->port())};
  auto port = server->port();
  auto begin = std::chrono::steady_clock::now();
  server->stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(100));
  config.dns_addrs = {{"127.0.0.1", port, ""}};
  auto again = dns::dns_server::start(config, {system, store.get(), status});
  CHECK(again.ok());
}
