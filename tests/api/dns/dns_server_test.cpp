// The whole DNS front over real sockets and a real store.
#include "api/dns/dns_server.hpp"
#include "tests/api/dns/core/plain_reader.hpp"
#include "tests/storage/state/fixture.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <chrono>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace actord;

namespace {

struct descriptor {
  int fd;
  ~descriptor() { ::close(fd); }
};

int client(int kind, uint16_t port) {
  int fd = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  timeval wait{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  return fd;
}

struct front : test::store_fixture {
  caf::actor_system_config actor_config;
  caf::actor_system system{actor_config};
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  node_config config;
  std::unique_ptr<dns::dns_server> server;

  void add(const std::string& node, const std::string& address, const std::string& service, int64_t port, std::string_view state = "passing") {
    register_request r;
    r.datacenter = "dc1";
    r.node = node;
    r.address = address;
    node_service s;
    s.id = s.service = service;
    s.port = port;
    s.tags = {"v1"};
    r.service = s;
    health_check c;
    c.node = node;
    c.check_id = c.name = "c-" + service;
    c.status = state;
    c.service_id = service;
    r.check = c;
    (void)put(r);
    status->applied = store->applied_index().v;
  }
  void start() {
    config.dns_addrs = {{"127.0.0.1", 0, ""}};
    status->known_leader = true;
    auto s = dns::dns_server::start(config, {system, store.get(), status});
    REQUIRE_MESSAGE(s.ok(), (s.ok() ? std::string() : s.err().text));
    server = std::move(*s);
  }
  plain::message udp(const std::string& name, uint16_t qtype = dns::type::a) {
    descriptor d{client(SOCK_DGRAM, server->port())};
    auto q = plain::question(name, qtype);
    REQUIRE(::send(d.fd, q.data(), q.size(), 0) == static_cast<ssize_t>(q.size()));
    uint8_t buffer[65536];
    ssize_t n = ::recv(d.fd, buffer, sizeof buffer, 0);
    REQUIRE(n > 0);
    return plain::reader({buffer, static_cast<size_t>(n)}).read();
  }
};

plain::message read_frame(int fd) {
  uint8_t head[2];
  REQUIRE(::recv(fd, head, 2, MSG_WAITALL) == 2);
  std::vector<uint8_t> body(static_cast<size_t>(head[0]) << 8 | head[1]);
  REQUIRE(::recv(fd, body.data(), body.size(), MSG_WAITALL) == static_cast<ssize_t>(body.size()));
  return plain::reader(body).read();
}

} // namespace

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
