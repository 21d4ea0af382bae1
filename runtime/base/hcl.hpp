// HCL version 1, HashiCorp's configuration language: the grammar of github.com/hashicorp/hcl (v1), read into
// config_value as Consul's decoder sees it.
//
//   key = value            a member; value is a number, true, false, "string", heredoc, [list] or {object}
//   key { … }              the same as key = { … }
//   key "label" { … }      an object in an object: { key: { label: { … } } }
//
// A block that occurs twice becomes a list of objects, a list that occurs twice is appended to, of a scalar the last
// one stands. `${…}` stays in the text.
#pragma once
#include "runtime/base/value.hpp"

namespace actord {

// The error text is HCL's: `At 2:15: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE`; the code is
// errc::corrupt. The result is always an object, empty for empty text.
result<config_value> parse_hcl(std::string_view text, const std::string& file = {}, const value_limits& limits = {});

} // namespace actord
