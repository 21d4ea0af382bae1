// Seeded generator (splitmix64 seeding xoshiro256**, Blackman & Vigna 2018). The only source of randomness a core may
// use; it is handed in. Not for secrets.
#pragma once
#include <cstdint>

namespace actord {

__extension__ typedef unsigned __int128 unsigned_128; // a g++ and clang extension, for the multiply-shift below

class prng {
public:
  using result_type = uint64_t;
  explicit prng(uint64_t seed = 1) {
    for (auto& word : s_) {
      seed += 0x9e3779b97f4a7c15ULL;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() {
    const uint64_t out = rotl(s_[1] * 5, 7) * 9, t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = rotl(s_[3], 45);
    return out;
  }
  // Uniform in [0, n); n = 0 gives 0. The bias of at most n/2^64 does not matter to any caller.
  uint64_t below(uint64_t n) { return n == 0 ? 0 : static_cast<uint64_t>((static_cast<unsigned_128>((*this)()) * n) >> 64); }
  // Uniform in [lo, hi], both included.
  uint64_t between(uint64_t lo, uint64_t hi) { return lo + below(hi - lo + 1); }
  // True with probability p in [0, 1].
  bool chance(double p) { return static_cast<double>((*this)() >> 11) * 0x1.0p-53 < p; }

private:
  static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t s_[4];
};

} // namespace actord
