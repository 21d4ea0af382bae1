// Evaluating a template over a host's interfaces. Bounded in steps, nesting and size of what it makes.
#pragma once
#include "runtime/config/address_template/interface_list.hpp"
#include "runtime/config/address_template/syntax.hpp"
#include <memory>
#include <variant>

namespace actord::address_template {

struct nothing {}; // nil
struct value : std::variant<nothing, bool, int64_t, double, std::string, std::shared_ptr<const entries>, entry, ip_prefix,
                            const host_facts::interface_address*> {
  using variant::variant;
  template <class T> const T* as() const { return std::get_if<T>(static_cast<const variant*>(this)); }
  bool is_nil() const { return as<nothing>() != nullptr; }
  bool truth() const;           // what `if` makes of it
  std::string type() const;     // "sockaddr.IfAddrs", as errors name it
  std::string shown() const;    // as it is printed
};
value list_value(entries list);

inline constexpr size_t max_value_bytes = 64 * 1024;

// printf, print, println (format.cpp)
std::string format_values(const std::string& form, const std::vector<value>& arguments);
std::string print_values(const std::vector<value>& arguments, bool line);

// The functions: what they take and do (functions.cpp). `expected` names what an argument must be: "string", "int", "uint",
// "sockaddr.IfAddrs", or "" for anything.
struct function {
  std::string_view name;
  std::vector<std::string_view> expected;
  bool more = false; // any number of further arguments of any kind
  result<value> (*call)(const std::vector<value>& arguments, const host_facts& host);
};
const function* find_function(std::string_view name);

// What stands before and between the actions, with their values. The error is all but its beginning
// "template: sockaddr.Parse:".
result<std::string> run(std::string_view text, const node& tree, const host_facts& host);

} // namespace actord::address_template
