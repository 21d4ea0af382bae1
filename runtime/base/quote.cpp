#include "runtime/base/quote.hpp"
#include "runtime/base/utf8.hpp"
#include <array>
#include <cstdint>

namespace actord {
namespace {

constexpr std::string_view controls = "\a\b\f\n\r\t\v", letters = "abfnrtv";

void append_hex(std::string& out, uint32_t number, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[(number >> shift) & 15U];
}

uint32_t code_point(std::string_view sequence) {
  constexpr std::array<uint32_t, 5> lead = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t out = static_cast<unsigned char>(sequence[0]) & lead[sequence.size()];
  for (char c : sequence.substr(1)) out = (out << 6) | (static_cast<unsigned char>(c) & 0x3fU);
  return out;
}

void append_beyond_ascii(std::string& out, std::string_view sequence, bool ascii) {
  if (!ascii) {
    out += sequence;
    return;
  }
  const auto code = code_point(sequence);
  out += code < 0x10000 ? "\\u" : "\\U";
  append_hex(out, code, code < 0x10000 ? 4 : 8);
}

std::string quoted(std::string_view s, bool ascii) {
  std::string out = "\"";
  while (!s.empty()) {
    const auto c = static_cast<unsigned char>(s[0]);
    const auto n = c < 0x80 ? 1 : utf8_length(s, 0);
    if (n > 1) {
      append_beyond_ascii(out, s.substr(0, n), ascii);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += s[0];
    } else if (auto at = controls.find(s[0]); at != controls.npos) {
      out += '\\';
      out += letters[at];
    } else if (c == 0x7f) {
      out += "\\u007f"; // Go 1.14's, which later ones write as \x7f
    } else if (n == 0 || c < 0x20) {
      out += "\\x";
      append_hex(out, c, 2);
    } else {
      out += s[0];
    }
    s.remove_prefix(n == 0 ? 1 : n);
  }
  return out + '"';
}

bool read_number(std::string_view& s, size_t digits, uint32_t base, uint32_t& out) {
  if (s.size() < digits) return false;
  out = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = s[i], low = static_cast<char>(c | 0x20);
    const uint32_t d = c >= '0' && c <= '9' ? static_cast<uint32_t>(c - '0') : low >= 'a' && low <= 'z' ? static_cast<uint32_t>(low - 'a' + 10) : 99;
    if (d >= base) return false;
    out = out * base + d;
  }
  s.remove_prefix(digits);
  return true;
}

// After the backslash: one escape of a double-quoted Go literal.
bool unescape(std::string_view& s, std::string& out) {
  if (s.empty()) return false;
  const char c = s.front();
  if (c == '\\' || c == '"') {
    out += c;
    s.remove_prefix(1);
    return true;
  }
  if (auto i = letters.find(c); i != letters.npos) {
    out += controls[i];
    s.remove_prefix(1);
    return true;
  }
  uint32_t code = 0;
  if (c >= '0' && c <= '7') {
    if (!read_number(s, 3, 8, code) || code > 255) return false;
    out += static_cast<char>(code);
    return true;
  }
  s.remove_prefix(1);
  if (c == 'x') {
    if (!read_number(s, 2, 16, code)) return false;
    out += static_cast<char>(code);
    return true;
  }
  if (c != 'u' && c != 'U') return false;
  if (!read_number(s, c == 'u' ? 4 : 8, 16, code) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  append_utf8(out, code);
  return true;
}

} // namespace

std::string quote(std::string_view s) { return quoted(s, false); }
std::string quote_ascii(std::string_view s) { return quoted(s, true); }

bool unquote(std::string_view literal, std::string& out) {
  out.clear();
  if (literal.size() < 2) return false;
  auto body = literal.substr(1, literal.size() - 2);
  if (literal.front() == '`') {
    for (char c : body)
      if (c != '\r') out += c;
    return true;
  }
  while (!body.empty()) {
    const char c = body.front();
    body.remove_prefix(1);
    if (c == '\n' || c == '"') return false;
    if (c != '\\') out += c;
    else if (!unescape(body, out)) return false;
  }
  return true;
}

} // namespace actord
