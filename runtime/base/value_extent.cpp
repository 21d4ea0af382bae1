#include "runtime/base/value_extent.hpp"

namespace actord {

namespace {

// What an item's first byte says: bytes of its length or value after it, and what that number counts.
struct item {
  size_t wide = 0;     // bytes of a big-endian length
  uint64_t length = 0; // when wide is 0
  uint64_t raw = 0;    // bytes per unit of length that follow
  uint64_t items = 0;  // items per unit of length that follow
  bool known = true;
};

item item_of(unsigned char c) {
  if (c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3) return {};
  if (c <= 0x8f) return {.length = c & 15U, .items = 2};
  if (c <= 0x9f) return {.length = c & 15U, .items = 1};
  if (c <= 0xbf) return {.length = c & 31U, .raw = 1};
  switch (c) {
  case 0xc4: case 0xd9: return {.wide = 1, .raw = 1};
  case 0xc5: case 0xda: return {.wide = 2, .raw = 1};
  case 0xc6: case 0xdb: return {.wide = 4, .raw = 1};
  case 0xca: case 0xce: case 0xd2: return {.length = 4, .raw = 1};
  case 0xcb: case 0xcf: case 0xd3: return {.length = 8, .raw = 1};
  case 0xcc: case 0xd0: return {.length = 1, .raw = 1};
  case 0xcd: case 0xd1: return {.length = 2, .raw = 1};
  case 0xdc: return {.wide = 2, .items = 1};
  case 0xdd: return {.wide = 4, .items = 1};
  case 0xde: return {.wide = 2, .items = 2};
  case 0xdf: return {.wide = 4, .items = 2};
  default: return {.known = false}; // 0xc1, extensions
  }
}

} // namespace

value_extent::verdict value_extent::scan(std::string_view in) {
  for (; left_ > 0; --left_) {
    // Every item to come takes at least a byte.
    end_ = at_ + left_;
    if (end_ > limit_) return verdict::too_large;
    if (at_ >= in.size()) return verdict::unfinished;
    auto i = item_of(static_cast<unsigned char>(in[at_]));
    if (!i.known) return verdict::malformed;
    end_ += i.wide;
    if (end_ > limit_) return verdict::too_large;
    if (at_ + 1 + i.wide > in.size()) return verdict::unfinished;
    for (size_t b = 1; b <= i.wide; ++b) i.length = i.length << 8 | static_cast<unsigned char>(in[at_ + b]);
    end_ += i.length * (i.raw + i.items);
    values_ += i.length * i.items;
    if (end_ > limit_ || values_ > most_values_) return verdict::too_large;
    const auto next = at_ + 1 + i.wide + i.length * i.raw;
    if (next > in.size()) return verdict::unfinished;
    at_ = next;
    left_ += i.length * i.items;
  }
  end_ = at_;
  return verdict::whole;
}

} // namespace actord
