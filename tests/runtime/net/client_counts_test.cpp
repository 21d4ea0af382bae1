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
