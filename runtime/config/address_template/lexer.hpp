// Words of a template, private to this folder.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace actord::address_template {

struct token {
  enum class kind : uint8_t {
    error, end, text, left, right, space, boolean, character, assign, declare, number, string, raw_string, field, variable, identifier, pipe,
    left_paren, right_paren, other, dot, nil, word_else, word_end, word_if, word_range, word_with,
  };
  kind what = kind::end;
  size_t at = 0;
  std::string text{};
  std::string shown() const; // as "unexpected …" shows it
};

// Up to the end or the first error, which is the last token. One pass.
std::vector<token> split(std::string_view text);

} // namespace actord::address_template
