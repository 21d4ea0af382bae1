// The part of Go's text/template (as of Go 1.14) in which addresses are described: text in, tree out. Error texts and
// positions are Go's. Left out: define, template, block.
#pragma once
#include "runtime/base/error.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace actord::address_template {

struct node {
  enum class kind : uint8_t {
    text,       // word: as it is written out
    pipeline,   // names: variables; children: commands
    command,    // children: what stands in it, the first is called
    identifier, // word: a function
    dot,
    nil,
    field,      // names: .a.b
    variable,   // names: $a.b
    chain,      // children[0].names
    boolean,    // word
    number,     // word
    string,     // word: as written, value: what it stands for
    action,     // children[0]: pipeline
    branch,     // if, with, range: word; children: pipeline, list, and after an else a second list
    list,
  };
  kind what = kind::list;
  size_t at = 0; // offset in the template
  std::string word{};
  std::string value{};
  std::vector<std::string> names{};
  bool assigns = false; // pipeline: = and not :=
  std::vector<node> children{};

  std::string shown() const; // as Go's errors show it
};

inline constexpr size_t max_template_bytes = 64 * 1024;
inline constexpr int max_nesting = 100; // parentheses and branches, so that the stack is bounded

bool is_function(std::string_view name); // functions.cpp
// Errors begin after "template: sockaddr.Parse:", with the line.
result<node> parse(std::string_view text);

} // namespace actord::address_template
