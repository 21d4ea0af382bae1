#include "runtime/config/address_template/number.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/base/utf8.hpp"
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>

namespace actord::address_template {
namespace {

error illegal(std::string_view text) { return {errc::bad_request, "illegal number syntax: " + quote(text)}; }

result<constant> character(std::string_view text) {
  std::string value;
  // A character is a string of one: only which quote needs a backslash differs.
  const auto body = text.substr(1, text.size() - 2);
  if (body == "\\'") value = "'";
  else if (body == "\"") value = "\"";
  else if (body == "\\\"" || body == "'" || !unquote("\"" + std::string(body) + "\"", value)) value.clear();
  const auto n = value.empty() ? 0 : static_cast<unsigned char>(value[0]) < 0x80 ? 1 : utf8_length(value, 0);
  if (n == 0 || n != value.size())
    return error{errc::bad_request, (n == 0 ? "invalid syntax: " : "malformed character constant: ") + std::string(text)};
  int64_t code = static_cast<unsigned char>(value[0]);
  if (n > 1) {
    code &= 0x7f >> n;
    for (size_t i = 1; i < n; ++i) code = code << 6 | (static_cast<unsigned char>(value[i]) & 0x3f);
  }
  constant out;
  out.is_integer = out.is_unsigned = out.is_real = true;
  out.integer = code;
  out.natural = static_cast<uint64_t>(code);
  out.real = static_cast<double>(code);
  return out;
}

// Underscores stand between digits, or between a base's prefix and a digit.
bool good_underscores(std::string_view digits, bool prefixed) {
  const auto digit = [&](size_t i) { return i < digits.size() && std::isxdigit(static_cast<unsigned char>(digits[i])) != 0; };
  for (size_t i = 0; i < digits.size(); ++i)
    if (digits[i] == '_' && (!digit(i + 1) || !(i == 0 ? prefixed : digit(i - 1)))) return false;
  return true;
}

} // namespace

result<constant> constant::parse(std::string_view text) {
  if (text.starts_with('\'')) return character(text);
  constant out;
  auto rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  int base = 10;
  if (rest.size() > 1 && rest[0] == '0') {
    const char mark = static_cast<char>(rest[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) rest.remove_prefix(2);
  }
  if (rest.find('_') != rest.npos && !good_underscores(rest, base != 10)) return illegal(text);
  std::string digits;
  for (char c : rest)
    if (c != '_') digits += c;
  if (digits.empty()) return illegal(text);
  const bool hex_real = base == 16 && digits.find_first_of("pP") != digits.npos;
  out.written_as_real = base == 10 ? digits.find_first_of(".eEpP") != digits.npos : hex_real;
  char* end = nullptr;
  if (!out.written_as_real) {
    if (base == 10 && digits.size() > 1 && digits[0] == '0') base = 8;
    errno = 0;
    out.natural = std::strtoull(digits.c_str(), &end, base);
    if (*end != '\0' && base == 8) return error{errc::bad_request, "integer overflow: " + quote(text)};
    if (*end != '\0') return illegal(text);
    const bool fits = errno == 0;
    out.is_unsigned = fits && !negative;
    out.is_integer = fits && (out.natural <= INT64_MAX || (negative && out.natural == uint64_t(INT64_MAX) + 1));
    out.integer = static_cast<int64_t>(negative ? 0 - out.natural : out.natural);
    if (!fits) return error{errc::bad_request, "integer overflow: " + quote(text)};
    out.is_real = true;
    out.real = (negative ? -1.0 : 1.0) * static_cast<double>(out.natural);
    return out;
  }
  errno = 0;
  const auto written = (negative ? "-" : "") + std::string(hex_real ? "0x" : "") + digits;
  out.real = std::strtod(written.c_str(), &end);
  if (*end != '\0' || !std::isfinite(out.real)) return illegal(text);
  out.is_real = true;
  // A whole number may stand where an integer is wanted.
  if (std::abs(out.real) < 9.2e18 && out.real == std::floor(out.real)) {
    out.is_integer = true;
    out.integer = static_cast<int64_t>(out.real);
    out.is_unsigned = out.integer >= 0;
    out.natural = static_cast<uint64_t>(out.integer);
  }
  return out;
}

} // namespace actord::address_template
