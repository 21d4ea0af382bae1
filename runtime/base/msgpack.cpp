#include "runtime/base/msgpack.hpp"
#include <bit>
#include <cmath>
#include <limits>

namespace actord {

msgpack_reader::kind msgpack_reader::peek() const {
  if (p_ == end_) return kind::invalid;
  auto c = static_cast<unsigned char>(*p_);
  if (c <= 0x7f || (c >= 0xcc && c <= 0xcf)) return kind::uint;
  if (c >= 0xe0 || (c >= 0xd0 && c <= 0xd3)) return kind::sint;
  if (c <= 0x8f || c == 0xde || c == 0xdf) return kind::map;
  if (c <= 0x9f || c == 0xdc || c == 0xdd) return kind::array;
  if (c <= 0xbf || (c >= 0xd9 && c <= 0xdb) || (c >= 0xc4 && c <= 0xc6)) return kind::raw;
  if (c == 0xc0) return kind::nil;
  if (c == 0xc2 || c == 0xc3) return kind::boolean;
  if (c == 0xca || c == 0xcb) return kind::floating;
  return kind::invalid;
}

uint64_t msgpack_reader::big_endian(size_t bytes) {
  if (remaining() < bytes) {
    fail();
    return 0;
  }
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; ++i) v = v << 8 | static_cast<unsigned char>(*p_++);
  return v;
}

bool msgpack_reader::take_nil() {
  if (p_ == end_ || static_cast<unsigned char>(*p_) != 0xc0) return false;
  ++p_;
  return true;
}

bool msgpack_reader::boolean() {
  auto c = take();
  if (c == 0xc3 || c == 0x01) return true;
  if (c != 0xc2 && c != 0x00 && c != 0xc0) fail();
  return false;
}

uint64_t msgpack_reader::uint() {
  auto c = take();
  if (c <= 0x7f) return c;
  if (c >= 0xcc && c <= 0xcf) return big_endian(size_t{1} << (c - 0xcc));
  if (c == 0xc0) return 0;
  if (c >= 0xd0 && c <= 0xd3) {
    --p_;
    auto v = sint();
    if (v >= 0) return static_cast<uint64_t>(v);
  }
  fail();
  return 0;
}

int64_t msgpack_reader::sint() {
  auto c = take();
  if (c <= 0x7f) return c;
  if (c >= 0xe0) return static_cast<int8_t>(c);
  switch (c) {
  case 0xd0: return static_cast<int8_t>(big_endian(1));
  case 0xd1: return static_cast<int16_t>(big_endian(2));
  case 0xd2: return static_cast<int32_t>(big_endian(4));
  case 0xd3: return static_cast<int64_t>(big_endian(8));
  case 0xc0: return 0;
  default: break;
  }
  if (c >= 0xcc && c <= 0xcf) {
    auto v = big_endian(size_t{1} << (c - 0xcc));
    if (v <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(v);
  }
  fail();
  return 0;
}

double msgpack_reader::floating() {
  switch (peek()) {
  case kind::uint: return static_cast<double>(uint());
  case kind::sint: return static_cast<double>(sint());
  case kind::nil: ++p_; return 0;
  default: break;
  }
  auto c = take();
  if (c == 0xca) return std::bit_cast<float>(static_cast<uint32_t>(big_endian(4)));
  if (c == 0xcb) return std::bit_cast<double>(big_endian(8));
  fail();
  return 0;
}

std::string_view msgpack_reader::raw() {
  auto c = take();
  size_t n = 0;
  if (c >= 0xa0 && c <= 0xbf) n = c & 31U;
  else if (c == 0xd9 || c == 0xc4) n = big_endian(1);
  else if (c == 0xda || c == 0xc5) n = big_endian(2);
  else if (c == 0xdb || c == 0xc6) n = big_endian(4);
  else if (c != 0xc0) fail();
  if (!ok_ || n > remaining()) {
    fail();
    return {};
  }
  std::string_view out(p_, n);
  p_ += n;
  return out;
}

size_t msgpack_reader::container(unsigned char fix, unsigned char fix_mask, unsigned char wide16, unsigned char wide32, size_t least) {
  auto c = take();
  size_t n = 0;
  if ((c & ~fix_mask) == fix) n = c & fix_mask;
  else if (c == wide16) n = big_endian(2);
  else if (c == wide32) n = big_endian(4);
  else if (c != 0xc0) fail();
  if (!ok_ || n > remaining() / least) { // each element needs at least that many bytes: no lie about the length gets far
    fail();
    return 0;
  }
  return n;
}

size_t msgpack_reader::array() { return container(0x90, 0x0f, 0xdc, 0xdd, 1); }
size_t msgpack_reader::map() { return container(0x80, 0x0f, 0xde, 0xdf, 2); }

void msgpack_reader::skip() {
  // A counter instead of recursion: hostile nesting costs no stack.
  for (uint64_t left = 1; left > 0 && ok_; --left) {
    switch (peek()) {
    case kind::nil: ++p_; break;
    case kind::boolean: boolean(); break;
    case kind::uint: uint(); break;
    case kind::sint: sint(); break;
    case kind::floating: floating(); break;
    case kind::raw: raw(); break;
    case kind::array: left += array(); break;
    case kind::map: left += 2 * map(); break;
    case kind::invalid: fail(); break;
    }
  }
}

} // namespace actord
