// Text with interpolations, "${name.suffix}-${match(1) + 1}", as templates of prepared queries have it: the language of HIL as Consul
// 1.8 knows it. "$$" is a dollar sign. Between the braces: numbers, strings in double quotes (which may hold interpolations again),
// variables, calls of match(N), parentheses, and + - * / % which all bind alike, from the left. A number of the first kind that
// occurs in a sum, whole or with a fraction, is that of the sum; text that stands for a number becomes one.
#pragma once
#include "runtime/base/error.hpp"
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

// What an interpolation can speak of.
struct interpolation_scope {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  std::vector<std::string_view> matches; // of match(N); beyond them it is ""
};

struct interpolation_node;

// Parsing takes time and memory in proportion to the text's length (a part is 140 bytes), evaluating in proportion to that and to what it gives.
class interpolated_text {
public:
  static constexpr size_t no_limit = std::numeric_limits<size_t>::max();
  // "parse error: syntax error"; errc::too_large where it has more parts (texts, numbers, names, sums, each by itself).
  static result<interpolated_text> parse(std::string_view text, size_t most_parts = no_limit);
  interpolated_text(interpolated_text&&) noexcept;
  interpolated_text& operator=(interpolated_text&&) noexcept;
  ~interpolated_text();
  size_t parts() const { return parts_; }
  size_t weight() const; // bytes of memory, about

  // Errors have the texts of HIL: "1:3: unknown variable accessed: name.foo". `room`: bytes of text that may be made, of which what was made
  // is taken; errc::too_large where it does not suffice.
  result<std::string> evaluate(const interpolation_scope& scope, size_t& room) const;
  // What evaluate() would fail for where there is room for all.
  status check(const interpolation_scope& scope) const;

private:
  interpolated_text(std::unique_ptr<interpolation_node> root, size_t parts);
  std::unique_ptr<interpolation_node> root_;
  size_t parts_;
};

} // namespace actord
