#include "actors/leader/core/tombstones.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::leader;
using namespace std::chrono_literals;

TEST_CASE("tombstones may go a quarter of an hour after they were seen, those of each look together") {
  tombstones t;
  CHECK(t.look_due(0s));
  t.observe(0, 0s);
  CHECK(t.due(24h) == 0);
  CHECK_FALSE(t.look_due(29s));
  CHECK(t.look_due(30s));
  t.observe(100, 30s);
  t.observe(100, 60s);
  t.observe(120, 90s);
  CHECK(t.due(15min + 29s) == 0);
  CHECK(t.due(15min + 30s) == 100);
  CHECK(t.due(15min + 30s) == 100); // until they are gone
  t.reaped(100);
  CHECK(t.due(15min + 30s) == 0);
  CHECK(t.due(15min + 90s) == 120);
  t.reaped(120);
  t.observe(120, 20min);
  CHECK(t.due(24h) == 0);
}

TEST_CASE("a new leader gives tombstones their whole time again") {
  tombstones t;
  t.observe(100, 0s);
  t.lead_anew();
  CHECK(t.look_due(0s));
  CHECK(t.due(24h) == 0);
  t.observe(100, 10min);
  CHECK(t.due(24min) == 0);
  CHECK(t.due(25min) == 100);
}
