#include "actors/gossip/core/lzw.hpp"
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace actord::gossip {

namespace {

constexpr unsigned clear_code = 256, end_code = 257, max_width = 12, codes = 1U << max_width, no_code = codes;

class bit_writer {
public:
  void put(unsigned code, unsigned width) {
    bits_ |= uint64_t{code} << held_;
    for (held_ += width; held_ >= 8; held_ -= 8, bits_ >>= 8) out.push_back(static_cast<char>(bits_ & 255));
  }
  void pad() {
    if (held_ > 0) out.push_back(static_cast<char>(bits_ & 255));
  }
  std::string out;

private:
  uint64_t bits_ = 0;
  unsigned held_ = 0;
};

// (prefix code, next byte) -> code, in an open-addressed table that is at most a quarter full.
class pair_table {
public:
  pair_table() : slots_(size, 0) {}
  void clear() { std::fill(slots_.begin(), slots_.end(), 0); }
  unsigned find(unsigned prefix, unsigned char byte) const {
    const auto key = key_of(prefix, byte);
    for (auto i = place(key);; i = (i + 1) % size) {
      if (slots_[i] == 0) return no_code;
      if (slots_[i] >> max_width == key) return slots_[i] % codes;
    }
  }
  void add(unsigned prefix, unsigned char byte, unsigned code) {
    const auto key = key_of(prefix, byte);
    auto i = place(key);
    while (slots_[i] != 0) i = (i + 1) % size;
    slots_[i] = key << max_width | code;
  }

private:
  static constexpr size_t size = 4 * codes;
  static uint32_t key_of(unsigned prefix, unsigned char byte) { return prefix << 8 | byte; }
  static size_t place(uint32_t key) { return (key * 2654435761U) >> 18; } // 14 bits
  std::vector<uint32_t> slots_; // key and code; a code is never 0, so that 0 is free
};

} // namespace

std::string lzw_compress(std::string_view plain, bool opening_clear) {
  bit_writer w;
  pair_table table;
  unsigned width = 9, hi = end_code, overflow = 1U << width;
  w.out.reserve(plain.size() / 2 + 16);
  // Counts the code that was just emitted. False when the table is full and has been emptied.
  auto count = [&] {
    ++hi;
    if (hi == overflow) {
      ++width;
      overflow <<= 1;
    }
    if (hi != codes - 1) return true;
    w.put(clear_code, width);
    width = 9;
    hi = end_code;
    overflow = 1U << width;
    table.clear();
    return false;
  };
  if (opening_clear) w.put(clear_code, width);
  unsigned code = no_code;
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (code == no_code) {
      code = byte;
      continue;
    }
    if (const auto longer = table.find(code, byte); longer != no_code) {
      code = longer;
      continue;
    }
    w.put(code, width);
    const auto prefix = code;
    code = byte;
    if (count()) table.add(prefix, byte, hi);
  }
  if (code != no_code) {
    w.put(code, width);
    count();
  }
  w.put(end_code, width);
  w.pad();
  return std::move(w.out);
}

result<std::string> lzw_expand(std::string_view packed, size_t limit) {
  const error corrupt(errc::corrupt, "lzw: invalid code"), cut(errc::corrupt, "unexpected EOF");
  std::array<uint16_t, codes> prefix{};
  std::array<unsigned char, codes> suffix{};
  std::array<unsigned char, codes> text{}; // one string, written from its end
  std::string out;
  unsigned width = 9, hi = end_code, overflow = 1U << width, last = no_code, held = 0;
  uint64_t bits = 0;
  for (size_t at = 0;;) {
    for (; held < width; held += 8) {
      if (at == packed.size()) return cut;
      bits |= uint64_t{static_cast<unsigned char>(packed[at++])} << held;
    }
    const auto code = static_cast<unsigned>(bits & ((1U << width) - 1));
    bits >>= width;
    held -= width;
    if (code == end_code) return out;
    if (code == clear_code) {
      width = 9;
      hi = end_code;
      overflow = 1U << width;
      last = no_code;
      continue;
    }
    if (code > hi) return corrupt;
    size_t from = text.size();
    unsigned c = code;
    if (code == hi && last != no_code) { // the string that is defined by itself: the last one and its own first byte
      c = last;
      while (c >= clear_code) c = prefix[c];
      text[--from] = static_cast<unsigned char>(c);
      c = last;
    }
    for (; c >= clear_code; c = prefix[c]) {
      if (from == 1) return corrupt;
      text[--from] = suffix[c];
    }
    text[--from] = static_cast<unsigned char>(c);
    if (out.size() + (text.size() - from) > limit)
      return error(errc::too_large, "compressed message expands to more than " + std::to_string(limit) + " bytes");
    out.append(reinterpret_cast<const char*>(text.data()) + from, text.size() - from);
    if (last != no_code) {
      prefix[hi] = static_cast<uint16_t>(last);
      suffix[hi] = text[from];
    }
    last = code;
    if (++hi < overflow) continue;
    if (width == max_width) {
      last = no_code;
      --hi;
    } else {
      ++width;
      overflow <<= 1;
    }
  }
}

} // namespace actord::gossip
