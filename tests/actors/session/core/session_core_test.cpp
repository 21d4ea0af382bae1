#include "actors/session/core/session_core.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::session;
using namespace std::chrono_literals;

TEST_CASE("a session ends after twice its TTL, once") {
  session_core c;
  c.observe({{"a", 10s}, {"b", 20s}}, 100s);
  CHECK(c.next_deadline() == 120s);
  CHECK(c.expired(119s).empty());
  CHECK(c.expired(120s) == std::vector<std::string>{"a"});
  CHECK(c.expired(130s).empty());
  CHECK(c.next_deadline() == 140s);
}

TEST_CASE("a renewal begins the time anew, seeing the session again does not") {
  session_core c;
  c.observe({{"a", 10s}}, 0s);
  c.renewed("a", 15s);
  c.renewed("unknown", 15s);
  c.observe({{"a", 10s}}, 30s);
  CHECK(c.expired(34s).empty());
  CHECK(c.expired(35s).size() == 1);
}

TEST_CASE("what is gone has no time, and another leader gives all of it again") {
  session_core c;
  c.observe({{"a", 10s}, {"b", 10s}}, 0s);
  c.observe({{"b", 10s}}, 5s);
  CHECK(c.size() == 1);
  c.forget_all();
  CHECK(c.next_deadline() == nanos::max());
  c.observe({{"b", 10s}}, 15s);
  CHECK(c.expired(34s).empty());
  CHECK(c.expired(35s) == std::vector<std::string>{"b"});
}

TEST_CASE("an end that could not be written is tried again, less and less often") {
  session_core c;
  c.observe({{"a", 10s}}, 0s);
  CHECK(c.expired(20s).size() == 1);
  c.failed("a", 21s);
  CHECK(c.next_deadline() == 22s);
  CHECK(c.expired(22s).size() == 1);
  c.failed("a", 22s);
  CHECK(c.next_deadline() == 24s);
  c.observe({}, 23s);
  c.failed("a", 23s);
  CHECK(c.next_deadline() == nanos::max());
}

TEST_CASE("a renewal while the end is being written counts when that fails: it was answered") {
  session_core c;
  c.observe({{"a", 10s}}, 0s);
  CHECK(c.expired(20s).size() == 1);
  c.renewed("a", 21s);
  c.failed("a", 22s);
  CHECK(c.expired(40s).empty());
  CHECK(c.next_deadline() == 41s);
  CHECK(c.expired(41s).size() == 1);
  c.failed("a", 42s); // nobody has renewed it since
  CHECK(c.next_deadline() == 44s);
}

TEST_CASE("sessions with the same deadline do not get in each other's way") {
  session_core c;
  c.observe({{"a", 10s}, {"b", 10s}, {"c", 10s}}, 0s);
  c.renewed("b", 1s);
  CHECK(c.expired(20s) == std::vector<std::string>{"a", "c"});
  CHECK(c.expired(22s) == std::vector<std::string>{"b"});
}

TEST_CASE("two hundred thousand sessions that a new leader gave the same time are renewed in no time, in any order") {
  session_core c;
  std::vector<timed_session> all;
  for (int n = 0; n < 200000; ++n) all.push_back({std::to_string(n), 10s});
  c.observe(all, 0s);
  // Were each looked for among those of its time, these would be ten billion steps and more.
  for (auto s = all.rbegin(); s + 1 != all.rend(); ++s) c.renewed(s->id, 1s);
  CHECK(c.expired(20s) == std::vector<std::string>{"0"});
  CHECK(c.expired(20s).empty());
  CHECK(c.expired(21s).size() == all.size() - 1);
}
