#include "runtime/base/duration.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("durations read and print as Go's") {
  struct row {
    const char* in;
    const char* out;
  };
  for (auto [in, out] : {row{"0", "0s"}, {"10s", "10s"}, {"1h", "1h0m0s"}, {"1.5h", "1h30m0s"}, {"90s", "1m30s"}, {"300ms", "300ms"},
                         {"1500us", "1.5ms"}, {"5µs", "5µs"}, {"7ns", "7ns"}, {"-2m3.25s", "-2m3.25s"}, {"+1s", "1s"}, {".5s", "500ms"}}) {
    auto d = parse_duration(in);
    REQUIRE(d.ok());
    CHECK(format_duration(*d) == out);
  }
}

TEST_CASE("what is no duration is refused with Go's words") {
  CHECK(parse_duration("abc").err().text == "time: invalid duration \"abc\"");
  CHECK(parse_duration("").err().text == "time: invalid duration \"\"");
  CHECK(parse_duration("10").err().text == "time: missing unit in duration \"10\"");
  CHECK(parse_duration("10x").err().text == "time: unknown unit \"x\" in duration \"10x\"");
  CHECK_FALSE(parse_duration("99999999999h").ok());
}

TEST_CASE("every duration reads back from its own text") {
  prng random(1);
  for (int i = 0; i < 10000; ++i) {
    nanos d{static_cast<int64_t>(random() >> random.between(1, 63))};
    auto back = parse_duration(format_duration(d));
    REQUIRE(back.ok());
    CHECK(*back == d);
  }
}
