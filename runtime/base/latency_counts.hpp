// How often something took how long: counts in four steps per power of two, so that quantiles are right to within a fifth and
// two readings of a running count can be taken from one another.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace actord {

struct latency_counts {
  static constexpr size_t buckets = 96;       // the last begins at about 18 minutes
  static constexpr unsigned lowest_power = 6; // the first ends at 64 us
  std::array<uint64_t, buckets> n{};

  static constexpr size_t bucket_of(int64_t us) {
    if (us < (1 << lowest_power)) return 0;
    const auto v = static_cast<uint64_t>(us);
    const auto power = static_cast<unsigned>(std::bit_width(v)) - 1;
    return std::min<size_t>(buckets - 1, (power - lowest_power) * 4 + (v >> (power - 2) & 3) + 1);
  }
  static constexpr int64_t begin_of(size_t bucket) { // in us
    if (bucket == 0) return 0;
    const auto step = bucket - 1;
    return static_cast<int64_t>((4 + step % 4) << (step / 4 + lowest_power - 2));
  }

  void add(int64_t us) { ++n[bucket_of(us)]; }
  uint64_t total() const {
    uint64_t all = 0;
    for (auto c : n) all += c;
    return all;
  }
  // Of those whose whole bucket lies at or beyond `us`.
  uint64_t from(int64_t us) const {
    uint64_t slow = 0;
    for (size_t i = buckets; i-- > 0 && begin_of(i) >= us;) slow += n[i];
    return slow;
  }
  // The end of the bucket in which the quantile lies; 0 for none.
  int64_t quantile(double q) const {
    const auto all = total();
    const auto wanted = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(q * static_cast<double>(all))));
    uint64_t seen = 0;
    for (size_t i = 0; all > 0 && i < buckets; ++i)
      if ((seen += n[i]) >= wanted) return begin_of(std::min(i + 1, buckets - 1));
    return 0;
  }
  latency_counts since(const latency_counts& before) const {
    latency_counts out;
    for (size_t i = 0; i < buckets; ++i) out.n[i] = n[i] - before.n[i];
    return out;
  }
};

} // namespace actord
