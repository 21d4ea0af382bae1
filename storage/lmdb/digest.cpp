#include "storage/lmdb/digest.hpp"
#include <bit>
#include <cstring>

namespace actord::lmdb {

namespace {

constexpr uint64_t factor_low = 0x87c37b91114253d5, factor_high = 0x4cf5ad432745937f;

uint64_t load_le64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return std::endian::native == std::endian::little ? v : __builtin_bswap64(v);
}
uint64_t spread_low(uint64_t v) { return std::rotl(v * factor_low, 31) * factor_high; }
uint64_t spread_high(uint64_t v) { return std::rotl(v * factor_high, 33) * factor_low; }
uint64_t avalanche(uint64_t v) {
  v = (v ^ v >> 33) * 0xff51afd7ed558ccd;
  v = (v ^ v >> 33) * 0xc4ceb9fe1a85ec53;
  return v ^ v >> 33;
}

} // namespace

void murmur128::blocks(const char* bytes, size_t size) {
  size_ += size;
  auto low = low_, high = high_;
  for (const char* end = bytes + size; bytes != end; bytes += 16) {
    low = (std::rotl(low ^ spread_low(load_le64(bytes)), 27) + high) * 5 + 0x52dce729;
    high = (std::rotl(high ^ spread_high(load_le64(bytes + 8)), 31) + low) * 5 + 0x38495ab5;
  }
  low_ = low;
  high_ = high;
}

sum128 murmur128::finish(std::string_view rest) {
  const size_t whole = rest.size() / 16 * 16;
  blocks(rest.data(), whole);
  rest.remove_prefix(whole);
  size_ += rest.size();
  if (!rest.empty()) {
    char tail[16] = {};
    std::memcpy(tail, rest.data(), rest.size());
    if (rest.size() > 8) high_ ^= spread_high(load_le64(tail + 8));
    low_ ^= spread_low(load_le64(tail));
  }
  low_ ^= size_;
  high_ ^= size_;
  low_ += high_;
  high_ += low_;
  low_ = avalanche(low_);
  high_ = avalanche(high_);
  low_ += high_;
  high_ += low_;
  return {low_, high_};
}

} // namespace actord::lmdb
