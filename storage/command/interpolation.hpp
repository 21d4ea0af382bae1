// Text with interpolations, "${name.suffix}-${match(1) + 1}", as templates of prepared queries have it: the language of HIL as Consul
// 1.8 knows it. "$$" is a dollar sign. Between the braces: numbers, strings in double quotes (which may hold interpolations again),
// variables, calls of match(N), parentheses, and + - * / % which all bind alike, from the left. A number of the first kind that
// occurs in a sum, whole or with a fraction, is that of the sum; text that stands for a number becomes one.
#pragma once
#include "runtime/base/error.hpp"
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

// What an interpolation can speak of.
struct interpolation_scope {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  std::vector<std::string> matches; // of match(N); beyond them it is ""
};

struct interpolation_node;

// Parsing and evaluating take time in proportion to the text's length.
class interpolated_text {
public:
  static result<interpolated_text> parse(std::string_view text); // "parse error: syntax error"
  interpolated_text(interpolated_text&&) noexcept;
  interpolated_text& operator=(interpolated_text&&) noexcept;
  ~interpolated_text();
  // Errors have the texts of HIL: "1:3: unknown variable accessed: name.foo".
  result<std::string> evaluate(const interpolation_scope& scope) const;

private:
  explicit interpolated_text(std::unique_ptr<interpolation_node> root);
  std::unique_ptr<interpolation_node> root_;
};

} // namespace actord
