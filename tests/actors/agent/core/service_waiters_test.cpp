#include "actors/agent/core/service_waiters.hpp"
#include <doctest/doctest.h>

using namespace actord;
using agent::service_waiters;
using numbers = std::vector<uint64_t>;
using namespace std::chrono_literals;

TEST_CASE("who waits for a service is told when it has another hash or is gone, the others wait on") {
  service_waiters w(100);
  w.add(1, "web", "h1", 10s);
  w.add(2, "web", "h2", 20s);
  w.add(3, "db", "h1", 30s);
  CHECK(w.waits_for("web"));
  CHECK(!w.waits_for("cache"));
  CHECK(w.take_changed("web", "h2") == numbers{1});
  CHECK(w.take_changed("web", "h2").empty());
  CHECK(w.take_changed("web", "") == numbers{2});
  CHECK(!w.waits_for("web"));
  CHECK(w.take_changed("cache", "").empty());
  CHECK(w.size() == 1);
}

TEST_CASE("each waits for as long as it wants, and the next to look at is the first of them") {
  service_waiters w(100);
  CHECK(w.next_deadline() == nanos::max());
  w.add(1, "web", "h", 30s);
  w.add(2, "db", "h", 10s);
  w.add(3, "db", "h", 10s);
  CHECK(w.next_deadline() == 10s);
  CHECK(w.take_over(9s).empty());
  CHECK(w.take_over(10s) == numbers{2, 3});
  CHECK(w.next_deadline() == 30s);
  CHECK(w.take_over(60s) == numbers{1});
  CHECK(w.size() == 0);
}

TEST_CASE("they are no more than so many: the first whose time is up goes before it is") {
  service_waiters w(2);
  w.add(1, "web", "h", 30s);
  w.add(2, "web", "h", 10s);
  CHECK(w.take_over(0s).empty());
  w.add(3, "web", "h", 20s);
  CHECK(w.take_over(0s) == numbers{2});
  CHECK(w.size() == 2);
}
