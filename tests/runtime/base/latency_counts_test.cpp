#include "runtime/base/latency_counts.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <vector>

using namespace actord;

TEST_CASE("every time falls into the bucket that begins at or before it and ends after it") {
  for (int64_t us : {0L, 1L, 63L, 64L, 79L, 80L, 127L, 128L, 1000L, 123456L, 999'999'999L}) {
    const auto b = latency_counts::bucket_of(us);
    CHECK(latency_counts::begin_of(b) <= us);
    if (b + 1 < latency_counts::buckets) CHECK(us < latency_counts::begin_of(b + 1));
  }
  CHECK(latency_counts::bucket_of(INT64_MAX) == latency_counts::buckets - 1);
  CHECK(latency_counts::bucket_of(-5) == 0);
}

TEST_CASE("quantiles of counts are those of the times, to within a bucket") {
  prng random(3);
  std::vector<int64_t> times;
  latency_counts c;
  for (int i = 0; i < 5000; ++i) {
    times.push_back(static_cast<int64_t>(random.between(1, 1u << random.between(4, 24))));
    c.add(times.back());
  }
  std::sort(times.begin(), times.end());
  for (double q : {0.5, 0.9, 0.99, 1.0}) {
    const auto exact = times[static_cast<size_t>(q * 5000) - 1];
    CHECK(c.quantile(q) > exact);
    CHECK(c.quantile(q) <= std::max<int64_t>(64, exact * 5 / 4 + 1));
  }
  CHECK(latency_counts{}.quantile(0.99) == 0);
  CHECK(c.since(c).total() == 0);
}
