// Command-line flags by the rules of Go's package flag, which Consul's command line has: `-x=v`, `-x v`, `--x`; a
// boolean takes its value only after `=`; parsing stops at the first word that is no flag, or after `--`.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

enum class flag_kind : uint8_t { boolean, integer, unsigned_integer, real, duration, text, repeated, key_value };

struct flag_spec {
  std::string name;       // without the dash
  flag_kind kind = flag_kind::text;
  std::string help = {};
  std::string value_word = {}; // what the help shows for the value: "value", "string", "int"…; "" = by kind
  std::string shown_default = {}; // for the usage; "" = none
  // Consul's own pointer flags (all of `agent`, some others) quote strconv in their errors, Go's plain ones say
  // "parse error".
  bool strconv_errors = false;
};

// The flags given, each with its values in order of appearance, and the words after them.
class parsed_flags {
public:
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // The last value given, else the fallback.
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  bool boolean(std::string_view name, bool fallback = false) const;
  int64_t integer(std::string_view name, int64_t fallback = 0) const;
  uint64_t unsigned_integer(std::string_view name, uint64_t fallback = 0) const;
  double real(std::string_view name, double fallback = 0) const;
  nanos duration(std::string_view name, nanos fallback = nanos(0)) const;
  // Every value given, in order.
  std::vector<std::string> all(std::string_view name) const;
  // `k=v` pairs (or `k:v` with that separator); a word without the separator is a key with an empty value. The last wins.
  std::map<std::string, std::string> pairs(std::string_view name, char separator = '=') const;

  std::vector<std::pair<std::string, std::string>> in_order; // every flag with its value, as they came
  std::vector<std::string> rest;
  bool help = false; // -h, -help or --help was given (and is not a flag of its own); nothing after it was parsed

private:
  friend class flag_set;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

class flag_set {
public:
  flag_set() = default;
  explicit flag_set(std::vector<flag_spec> specs);
  flag_set& add(flag_spec spec);
  const flag_spec* find(std::string_view name) const;
  const std::vector<flag_spec>& specs() const { return specs_; }

  // Errors (errc::bad_request) are Go's lines: `flag provided but not defined: -bad`, `flag needs an argument: -x`,
  // `bad flag syntax: ---x`, `invalid value "x" for flag -port: parse error`, `invalid boolean value "x" for -ui: parse error`.
  // Every value in the result has been checked against its kind.
  result<parsed_flags> parse(const std::vector<std::string>& args) const;

  // What Go prints after such an error: "Usage:" and the flags by name, a tab-indented help line each.
  std::string go_usage() const;
  // The flags as Consul's help pages show them (`  -name=<value>`, help wrapped at 67 columns, indented by five), by
  // name; those for which `wanted` is empty or that it names.
  std::string help_page(const std::vector<std::string>& wanted = {}) const;

private:
  std::vector<flag_spec> specs_; // by name
};

// strconv.ParseBool: 1 t T TRUE true True, 0 f F FALSE false False.
bool parse_go_bool(std::string_view text, bool& out);
// Words broken at spaces so that no line passes `width`, unless one word does; every line begins with `indent`.
std::string wrap_words(std::string_view text, size_t width, std::string_view indent);

} // namespace actord
