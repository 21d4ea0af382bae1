#include "actors/gossip/datagram_socket.hpp"
#include "runtime/net/stream_socket.hpp"
#include "tests/support/eventually.hpp"
#include <arpa/inet.h>
#include <atomic>
#include <doctest/doctest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace actord;
using gossip::datagram_socket;

namespace {

struct sender {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sender(const char* from, uint16_t to) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from, &a.sin_addr) == 1);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(to);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  }
  ~sender() { ::close(fd); }
  sender(const sender&) = delete;
};

// Takes what comes and works on none of it, as a pool that cannot keep up.
struct busy_pool {
  std::mutex lock;
  std::map<std::string, size_t> bytes; // by address
  size_t packets = 0;
  std::unique_ptr<datagram_socket> socket = std::move(*datagram_socket::open("127.0.0.1", 0));
  busy_pool() {
    socket->start([this](std::vector<gossip::datagram> d) {
      std::lock_guard hold(lock);
      for (auto& one : d) bytes[one.with.ip] += one.bytes.size() + datagram_socket::cost, ++packets;
    });
  }
  ~busy_pool() { socket = nullptr; }
  size_t of(const char* address) {
    in_addr a{};
    REQUIRE(::inet_pton(AF_INET, address, &a) == 1);
    std::lock_guard hold(lock);
    return bytes[std::string(reinterpret_cast<const char*>(&a), 4)];
  }
  size_t seen() {
    std::lock_guard hold(lock);
    return packets + socket->dropped();
  }
};

} // namespace

TEST_CASE("connections beyond what there is room for wait, and packets do not wait for them") {
  std::atomic<size_t> taken{0}, room{2}, packets{0};
  auto listener = net::listen_on("127.0.0.1", 0);
  REQUIRE(listener.ok());
  const uint16_t port = net::port_of(*listener);
  auto socket = std::move(*datagram_socket::open("127.0.0.1", 0));
  socket->start([&](std::vector<gossip::datagram> d) { packets += d.size(); }, *listener,
                {[&](int fd) { ::close(fd), ++taken; }, [&] { return taken < room; }});
  std::vector<int> clients;
  auto to = net::parse_endpoint("127.0.0.1:" + std::to_string(port));
  REQUIRE(to.ok());
  for (int n = 0; n < 10; ++n) {
    clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(clients.back(), reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0);
  }
  CHECK(test::eventually([&] { return taken == 2; }));
  sender good("127.0.0.3", socket->port());
  REQUIRE(::send(good.fd, "hello", 5, 0) == 5);
  CHECK(test::eventually([&] { return packets == 1; }));
  CHECK(taken == 2);
  room = 10;
  CHECK(test::eventually([&] { return taken == 10; }));
  socket = nullptr;
  for (const int fd : clients) ::close(fd);
}

TEST_CASE("packets of one address, from however many ports, leave room for those of others") {
  busy_pool pool;
  std::vector<std::unique_ptr<sender>> flood;
  for (int n = 0; n < 200; ++n) flood.push_back(std::make_unique<sender>("127.0.0.2", pool.socket->port()));
  const std::string packet(400, 'x');
  size_t sent = 0;
  for (size_t round = 0; round < datagram_socket::share; ++round) {
    for (auto& s : flood) {
      REQUIRE(::send(s->fd, packet.data(), packet.size(), 0) == 400);
      ++sent;
    }
    REQUIRE(test::eventually([&] { return pool.seen() >= sent; }));
  }
  CHECK(pool.of("127.0.0.2") > datagram_socket::flooded);
  CHECK(pool.of("127.0.0.2") <= datagram_socket::household_share);
  sender good("127.0.0.3", pool.socket->port());
  REQUIRE(::send(good.fd, "hello", 5, 0) == 5);
  REQUIRE(test::eventually([&] { return pool.seen() > sent; }));
  CHECK(pool.of("127.0.0.3") == 5 + datagram_socket::cost);
}
