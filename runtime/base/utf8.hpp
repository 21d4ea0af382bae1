// What is UTF-8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace actord {

// Length of the valid UTF-8 sequence of more than one byte at s[i] (2 to 4), or 0: surrogates, overlong forms and what lies
// beyond U+10FFFF are not valid (RFC 3629, section 4).
inline size_t utf8_length(std::string_view s, size_t i) {
  auto at = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0U; };
  unsigned a = at(i), b = at(i + 1), c = at(i + 2), d = at(i + 3);
  auto tail = [](unsigned x) { return (x & 0xc0U) == 0x80U; };
  if (a >= 0xc2 && a <= 0xdf) return tail(b) ? 2 : 0;
  if (a == 0xe0) return b >= 0xa0 && b <= 0xbf && tail(c) ? 3 : 0;
  if (a == 0xed) return b >= 0x80 && b <= 0x9f && tail(c) ? 3 : 0;
  if (a >= 0xe1 && a <= 0xef) return tail(b) && tail(c) ? 3 : 0;
  if (a == 0xf0) return b >= 0x90 && b <= 0xbf && tail(c) && tail(d) ? 4 : 0;
  if (a >= 0xf1 && a <= 0xf3) return tail(b) && tail(c) && tail(d) ? 4 : 0;
  if (a == 0xf4) return b >= 0x80 && b <= 0x8f && tail(c) && tail(d) ? 4 : 0;
  return 0;
}

inline bool is_utf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const size_t n = static_cast<unsigned char>(s[i]) < 0x80 ? 1 : utf8_length(s, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

inline void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += static_cast<char>(((0xff00U >> (tails + 1)) & 0xffU) | (c >> (6 * tails)));
  for (int i = tails - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3f));
}

} // namespace actord
