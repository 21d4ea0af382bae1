// The DNS front of a store, over real sockets; and one thread of it that a test runs itself, so that what waits when it begins is known.
#pragma once
#include "api/dns/dns_server.hpp"
#include "api/dns/dns_thread.hpp"
#include "tests/api/dns/core/plain_reader.hpp"
#include "tests/storage/state/fixture.hpp"
#include <arpa/inet.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dns_test {

using namespace actord;

struct descriptor {
  int fd;
  ~descriptor() { ::close(fd); }
};

inline int client(int kind, uint16_t port, const char* from = nullptr) {
  int fd = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  timeval wait{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  if (from) {
    REQUIRE(::inet_pton(AF_INET, from, &to.sin_addr) == 1);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
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

inline plain::message read_frame(int fd) {
  uint8_t head[2];
  REQUIRE(::recv(fd, head, 2, MSG_WAITALL) == 2);
  std::vector<uint8_t> body(static_cast<size_t>(head[0]) << 8 | head[1]);
  REQUIRE(::recv(fd, body.data(), body.size(), MSG_WAITALL) == static_cast<ssize_t>(body.size()));
  return plain::reader(body).read();
}

struct by_hand : front {
  std::unique_ptr<dns::dns_thread> work;
  uint16_t port = 0;
  ~by_hand() { work = nullptr; }
  void begin(dns::dns_source from = {}, const std::vector<std::string>& recursors = {}) {
    if (!from.rpc) from = {store.get(), status, {}, from.elsewhere};
    status->known_leader = true;
    auto s = std::make_shared<dns::thread_settings>();
    s->answers.have_recursors = !recursors.empty();
    s->recursor_timeout = std::chrono::seconds(30);
    for (auto& r : recursors) REQUIRE(dns::parse_recursor(r, s->recursors.emplace_back()));
    work = std::make_unique<dns::dns_thread>(std::move(*net::io_loop::make()), from, s, 1);
    auto* w = work.get();
    w->host(net::loop_actor::make(system, w->loop(), [w](net::loop_actor*) -> caf::behavior { return {[w](const dns::dns_settings_changed& m) { w->use(m.now); }}; }));
    auto tcp = dns::listen_tcp(*w, "127.0.0.1", 0);
    REQUIRE(tcp.ok());
    port = *tcp;
    REQUIRE(dns::listen_udp(*w, "127.0.0.1", port).ok());
  }
  // Until `over` says so at an iteration's end.
  void run_until(std::function<bool()> over) {
    auto& loop = work->loop();
    loop.at_iteration_end([&loop, over = std::move(over)] { if (over()) loop.stop(); });
    loop.call_after(std::chrono::seconds(30), [&loop] { loop.stop(); });
    loop.run();
  }
};

} // namespace dns_test
