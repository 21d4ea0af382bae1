#include "api/dns/source_filter.hpp"
#include "tests/api/dns/front_fixture.hpp"

using namespace dns_test;

namespace {

struct receiver {
  descriptor d;
  uint16_t port = 0;
  explicit receiver(int family) : d{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    sockaddr_storage any{};
    any.ss_family = static_cast<sa_family_t>(family);
    socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (family == AF_INET) reinterpret_cast<sockaddr_in&>(any).sin_addr.s_addr = htonl(INADDR_ANY);
    if (::bind(d.fd, reinterpret_cast<sockaddr*>(&any), length) != 0) return;
    ::getsockname(d.fd, reinterpret_cast<sockaddr*>(&any), &length);
    port = ntohs(reinterpret_cast<sockaddr_in&>(any).sin_port);
  }
  // How many of so many packets arrive, and from where.
  size_t takes(int from, int packets, sockaddr_storage& source) const {
    size_t taken = 0;
    for (int n = 0; n < packets; ++n) {
      REQUIRE(::send(from, "x", 1, 0) == 1);
      char byte;
      socklen_t length = sizeof source;
      taken += ::recvfrom(d.fd, &byte, 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&source), &length) == 1;
    }
    return taken;
  }
};

} // namespace

TEST_CASE("a part of what one source sends is dropped, nothing of another's, and nothing once it is eased") {
  int family = AF_INET;
  SUBCASE("a socket of IPv4") {}
  SUBCASE("a socket of both") { family = AF_INET6; }
  const receiver r(family);
  if (family == AF_INET6 && r.port == 0) return; // a machine without IPv6
  descriptor greedy{client(SOCK_DGRAM, r.port, "127.0.0.2")}, good{client(SOCK_DGRAM, r.port, "127.0.0.3")};
  sockaddr_storage from{};
  constexpr int packets = 4096;
  {
    dns::source_filter f(r.d.fd);
    CHECK(r.takes(greedy.fd, packets, from) == packets);
    f.press(from);
    CHECK(f.active());
    const auto half = r.takes(greedy.fd, packets, from);
    CHECK(half > packets / 4); // a coin's toss each; further off than once in the age of the world
    CHECK(half < packets / 4 * 3);
    for (int n = 0; n < 20; ++n) f.press(from);
    CHECK(r.takes(greedy.fd, packets, from) < packets / 16);
    sockaddr_storage other{};
    CHECK(r.takes(good.fd, packets, other) == packets);
    for (int n = 0; n < 8; ++n) f.ease();
    CHECK_FALSE(f.active());
    CHECK(r.takes(greedy.fd, packets, from) == packets);
    f.press(from);
  }
  CHECK(r.takes(greedy.fd, packets, from) == packets);
}

TEST_CASE("of IPv6 a source is a /64, and more sources than there is room for take the place of who is held back least") {
  const receiver r(AF_INET6);
  descriptor d{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(r.port);
  to.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  if (r.port == 0 || ::connect(d.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return; // a machine without IPv6
  sockaddr_storage from{};
  constexpr int packets = 4096;
  CHECK(r.takes(d.fd, packets, from) == packets);
  dns::source_filter f(r.d.fd);
  sockaddr_storage neighbour = from, stranger = from;
  reinterpret_cast<sockaddr_in6&>(neighbour).sin6_addr.s6_addr[15] ^= 6;
  for (int n = 0; n < 4; ++n) f.press(neighbour);
  for (uint8_t n = 1; n < 100; ++n) {
    reinterpret_cast<sockaddr_in6&>(stranger).sin6_addr.s6_addr[0] = n;
    f.press(stranger);
  }
  CHECK(r.takes(d.fd, packets, from) < packets / 4);
}
