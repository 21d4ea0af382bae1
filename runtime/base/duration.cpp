#include "runtime/base/duration.hpp"
#include <cstdint>

namespace actord {
namespace {

struct unit {
  std::string_view name;
  int64_t nanos;
};
constexpr unit units[] = {{"ns", 1},          {"us", 1000},          {"µs", 1000},           {"μs", 1000},
                          {"ms", 1'000'000},  {"s", 1'000'000'000},  {"m", 60'000'000'000},  {"h", 3'600'000'000'000}};

error bad(std::string_view text) { return {errc::bad_request, "time: invalid duration \"" + std::string(text) + "\""}; }

std::string trimmed_fraction(uint64_t value, int digits) { // value / 10^digits without trailing zeros
  std::string frac;
  for (int i = 0; i < digits; ++i, value /= 10) frac.insert(frac.begin(), static_cast<char>('0' + value % 10));
  while (!frac.empty() && frac.back() == '0') frac.pop_back();
  return std::to_string(value) + (frac.empty() ? "" : "." + frac);
}

} // namespace

result<nanos> parse_duration(std::string_view text) {
  auto s = text;
  bool negative = false;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) {
    negative = s[0] == '-';
    s.remove_prefix(1);
  }
  if (s == "0") return nanos{0};
  if (s.empty()) return bad(text);
  __extension__ typedef __int128 wide;
  wide total = 0;
  while (!s.empty()) {
    wide whole = 0, frac = 0, scale = 1;
    size_t i = 0, digits = 0;
    for (; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i, ++digits)
      if ((whole = whole * 10 + (s[i] - '0')) > INT64_MAX) return bad(text);
    if (i < s.size() && s[i] == '.')
      for (++i; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i, ++digits)
        if (scale < 1'000'000'000'000'000) frac = frac * 10 + (s[i] - '0'), scale *= 10;
    if (digits == 0) return bad(text);
    s.remove_prefix(i);
    size_t n = 0;
    while (n < s.size() && s[n] != '.' && (s[n] < '0' || s[n] > '9')) ++n;
    if (n == 0) return error{errc::bad_request, "time: missing unit in duration \"" + std::string(text) + "\""};
    const unit* found = nullptr;
    for (auto& u : units)
      if (u.name == s.substr(0, n)) found = &u;
    if (!found)
      return error{errc::bad_request, "time: unknown unit \"" + std::string(s.substr(0, n)) + "\" in duration \"" +
                                          std::string(text) + "\""};
    total += whole * found->nanos + frac * found->nanos / scale;
    if (total > INT64_MAX) return bad(text);
    s.remove_prefix(n);
  }
  auto value = static_cast<int64_t>(total);
  return nanos{negative ? -value : value};
}

std::string format_duration(nanos d) {
  auto count = d.count();
  if (count == 0) return "0s";
  auto u = count < 0 ? ~static_cast<uint64_t>(count) + 1 : static_cast<uint64_t>(count);
  std::string out = count < 0 ? "-" : "";
  if (u < 1000) return out + std::to_string(u) + "ns";
  if (u < 1'000'000) return out + trimmed_fraction(u, 3) + "µs";
  if (u < 1'000'000'000) return out + trimmed_fraction(u, 6) + "ms";
  auto minutes = u / 60'000'000'000, rest = u % 60'000'000'000;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  return out + trimmed_fraction(rest, 9) + "s";
}

} // namespace actord
