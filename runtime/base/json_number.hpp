// A JSON number's text as the event of RapidJSON's that fits it: the smallest of its integers, or the nearest double, as
// Go's strconv rounds. Readers ask RapidJSON for the text (kParseNumbersAsStringsFlag), because its own exact conversion
// (1.1.0, kParseFullPrecisionFlag) reads outside its table of powers for numbers with 20 digits below 1e-348.
#pragma once
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace actord {

// `text` is a number by JSON's grammar and a NUL follows it. False when no double can hold it, else what `handler` said.
template <class Handler> bool emit_json_number(std::string_view text, Handler& handler) {
  const auto end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    if (int64_t n; text.front() == '-') {
      if (std::from_chars(text.data(), end, n).ec == std::errc{})
        return n >= std::numeric_limits<int>::min() ? handler.Int(static_cast<int>(n)) : handler.Int64(n);
    } else if (uint64_t u; std::from_chars(text.data(), end, u).ec == std::errc{}) {
      return u <= std::numeric_limits<unsigned>::max() ? handler.Uint(static_cast<unsigned>(u)) : handler.Uint64(u);
    }
  }
  const double d = std::strtod(text.data(), nullptr);
  return std::isfinite(d) && handler.Double(d);
}

} // namespace actord
