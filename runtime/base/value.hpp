// A tree of loosely typed values: what the HCL and JSON readers give and what configuration is decoded from. Owned by
// value. Every node knows the line it came from, and each file's name is shared by all its nodes, so that a message
// can say where.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

struct config_value {
  enum class kind : uint8_t { null, boolean, integer, real, string, list, object };
  using member = std::pair<std::string, config_value>;

  kind type = kind::null;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;
  std::string string;
  std::vector<config_value> list;
  std::vector<member> object; // in the order of the text; the reader leaves no key twice
  uint32_t line = 0;          // 1 is the first; 0 is unknown
  std::shared_ptr<const std::string> file;

  static config_value of_bool(bool b);
  static config_value of_int(int64_t i);
  static config_value of_real(double d);
  static config_value of_string(std::string s);
  static config_value of_list(std::vector<config_value> items = {});
  static config_value of_object(std::vector<member> members = {});

  bool is_null() const { return type == kind::null; }
  bool is_string() const { return type == kind::string; }
  bool is_list() const { return type == kind::list; }
  bool is_object() const { return type == kind::object; }
  bool is_number() const { return type == kind::integer || type == kind::real; }

  // The member of that name, or null. Linear: configuration objects are small.
  const config_value* find(std::string_view key) const;
  config_value* find(std::string_view key);
  // The member of that name, added (null) when it is absent. The value must be an object.
  config_value& at_or_add(std::string_view key);
  void erase(std::string_view key);

  // "a.hcl:12", or "" when the source is unknown.
  std::string where() const;
};

// Go's name of the kind in mapstructure's messages: "bool", "int", "float64", "string", "slice", "map".
std::string_view kind_name(config_value::kind k);

// Same type and content; lines and files are not compared, the order of members is.
bool operator==(const config_value& a, const config_value& b);

// Compact JSON text, escaped as json_writer does. Lossless but for lines and files.
std::string to_json(const config_value& v);

// What a reader accepts before it gives up with an error: bounds for hostile input.
struct value_limits {
  size_t max_bytes = 16 * 1024 * 1024;
  uint32_t max_depth = 64;
  size_t max_nodes = 1'000'000;
};

// JSON text (RFC 8259). Duplicate keys: the last wins. Integers that fit int64 stay integers. Comments and trailing
// commas are refused. The error text is that of Go's encoding/json (`invalid character '}' looking for beginning of
// value`), its code errc::corrupt. Empty text is null: Consul takes an empty file for an empty configuration.
result<config_value> parse_json_value(std::string_view text, const std::string& file = {}, const value_limits& limits = {});

} // namespace actord
