// Go's untyped number constants as templates write them.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace actord::address_template {

struct constant {
  bool is_integer = false, is_unsigned = false, is_real = false;
  int64_t integer = 0;
  uint64_t natural = 0;
  double real = 0;
  bool written_as_real = false; // with a point or an exponent: its own type is float64

  // Also 'a'. Errors: `illegal number syntax: "1__0"`.
  static result<constant> parse(std::string_view text);
};

} // namespace actord::address_template
