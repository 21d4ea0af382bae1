#include "runtime/net/loop_team.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/stream_socket.hpp"
#include "tests/support/eventually.hpp"
#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;
using namespace actord::net;

namespace {

int listening(uint16_t& port) {
  auto fd = open_listener({.host = "127.0.0.1", .port = 0, .unix_path = {}, .unix_user = {}, .unix_group = {}, .unix_mode = {}});
  REQUIRE(fd.ok());
  port = bound_port(*fd);
  return *fd;
}

int connected(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = parse_endpoint("127.0.0.1:" + std::to_string(port));
  REQUIRE(at.ok());
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&at->storage), at->length) == 0);
  return fd;
}

} // namespace

TEST_CASE("connections of all listeners are dealt over the loops in turn, each taken in its loop's thread") {
  auto team = std::move(*loop_team::make(3, "test"));
  std::array<std::atomic<int>, 3> taken{};
  std::atomic<int> elsewhere{0}, last{0};
  uint16_t ports[2];
  for (auto& port : ports) {
    auto accepting = team->accept_from(listening(port), [&](size_t loop, int fd, const std::string& peer) {
      elsewhere += team->at(loop).in_loop() && peer == "127.0.0.1" ? 0 : 1;
      ++taken[loop];
      ::close(fd);
    });
    REQUIRE(accepting.ok());
  }
  REQUIRE(team->run("team").ok());
  std::vector<int> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(connected(ports[i % 2]));
  CHECK(test::eventually([&] { return taken[0] + taken[1] + taken[2] == 30; }));
  for (auto& t : taken) CHECK(t == 10);
  CHECK(elsewhere == 0);
  team->stop([&](size_t loop) { last += team->at(loop).in_loop() ? 1 : 0; });
  team->stop([&](size_t) { last += 100; });
  CHECK(last == 3);
  const int late = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = parse_endpoint("127.0.0.1:" + std::to_string(ports[0]));
  CHECK(::connect(late, reinterpret_cast<const sockaddr*>(&at->storage), at->length) != 0); // nobody listens any more
  clients.push_back(late);
  for (const int fd : clients) ::close(fd);
}

TEST_CASE("out of descriptors, those who wait are accepted once there are some again") {
  auto team = std::move(*loop_team::make(1, "test"));
  std::atomic<int> taken{0};
  uint16_t port = 0;
  REQUIRE(team->accept_from(listening(port), [&](size_t, int fd, const std::string&) { ++taken, ::close(fd); }).ok());
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{static_cast<rlim_t>(client), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  REQUIRE(team->run("team").ok());
  auto at = parse_endpoint("127.0.0.1:" + std::to_string(port));
  const bool reached = ::connect(client, reinterpret_cast<const sockaddr*>(&at->storage), at->length) == 0;
  test::let_pass(std::chrono::milliseconds(50));
  const int meanwhile = taken;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(reached);
  CHECK(meanwhile == 0);
  CHECK(test::eventually([&] { return taken == 1; }));
  ::close(client);
}
