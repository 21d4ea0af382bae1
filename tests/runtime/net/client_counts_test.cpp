#include "runtime/net/client_counts.hpp"
#include <doctest/doctest.h>
#include <string>

using actord::net::client_counts;

TEST_CASE("an address has its limit, and where clients have most descriptors only who has few gets more") {
  client_counts http(80), rpc(80); // 50 are enough, 60 the most, of both together
  for (int i = 0; i < 5; ++i) CHECK(http.enter("a", 5));
  CHECK(!http.enter("a", 5));
  CHECK(http.enter("", 5)); // a unix socket is nobody's
  for (int i = 0; i < 20; ++i) CHECK(rpc.enter("b", 0));
  for (int i = 0; i < 25; ++i) CHECK(http.enter("c", 0));
  CHECK(!http.enter("c", 0)); // 50, and its share is 16
  CHECK(http.enter("a", 0));
  CHECK(http.enter("d", 0));
  CHECK(!rpc.enter("b", 0) == false); // alone there: 25 of 50
  for (int i = 0; i < 7; ++i) CHECK(http.enter("e" + std::to_string(i), 0));
  CHECK(!http.enter("late", 0)); // 60
  for (int i = 0; i < 25; ++i) http.leave("c");
  http.leave("nobody");
  CHECK(http.enter("late", 0));
  CHECK(http.enter("c", 0));
}

TEST_CASE("a server that has gone gives back what it counted") {
  {
    client_counts gone(80);
    for (int i = 0; i < 50; ++i) CHECK(gone.enter("a", 0));
    CHECK(!gone.enter("a", 0));
  }
  client_counts next(80);
  for (int i = 0; i < 50; ++i) CHECK(next.enter("a", 0));
}

TEST_CASE("whoever has a network of IPv6 addresses is one, in limits and where descriptors run short") {
  client_counts http(80); // 50 are enough, 60 the most
  const auto at = [](int network, int n) { return "2001:db8:0:" + std::to_string(network) + "::" + std::to_string(n); };
  for (int i = 0; i < 2; ++i) CHECK(http.enter(at(1, 1), 2));
  CHECK(!http.enter(at(1, 1), 2));
  for (int n = 2; n < 32; ++n) CHECK(http.enter(at(1, n), 2));
  CHECK(!http.enter(at(1, 99), 2)); // 32 of the network
  CHECK(http.enter(at(2, 1), 2));
  CHECK(http.enter("::ffff:10.0.0.1", 1));
  CHECK(!http.enter("10.0.0.1", 1));
  for (int n = 100; n < 116; ++n) CHECK(http.enter(at(1, n), 0)); // 50 in all
  CHECK(!http.enter(at(1, 200), 0));
  CHECK(http.enter(at(3, 1), 0));
  for (int n = 2; n < 32; ++n) http.leave(at(1, n));
  http.leave(at(1, 1));
  CHECK(http.enter(at(1, 1), 2));
  CHECK(!http.enter(at(1, 1), 2));
}
