// The grammar of `?filter=` (facts about go-bexpr, asked from a running Consul 1.8.7): text in, tree out. Errors have the
// text that Consul gives, with the position of the farthest failure and what was expected there.
#pragma once
#include "runtime/base/error.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace actord::filter_syntax {

enum class op : uint8_t { equal, not_equal, in, not_in, matches, not_matches, is_empty, is_not_empty };
std::string_view name_of(op o); // as error texts name it: "Equal", "Not In", …

struct node {
  enum class kind : uint8_t { match, all, any, negation };
  kind what = kind::match;
  std::vector<node> children{};           // all, any: at least two; negation: one
  op operation = op::equal;               // match, and the following
  std::vector<std::string> selector{};
  std::string value{};                    // unquoted; absent for is_empty and is_not_empty
};

inline constexpr size_t max_expression_bytes = 64 * 1024;
inline constexpr int max_nesting = 100; // parentheses and `not`, so that the stack is bounded

result<node> parse(std::string_view text);

} // namespace actord::filter_syntax
