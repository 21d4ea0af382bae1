// What may stand where in a configuration file: names, types and nesting. Checks a parsed file in place.
#pragma once
#include "runtime/base/value.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

enum class field_type : uint8_t {
  boolean,
  integer,
  unsigned_integer, // 32 bits
  real,
  text,
  duration,         // text in Go's notation
  text_list,
  text_map,         // name to text
  duration_map,     // name to duration
  list_map,         // name to list of texts
  any_map,          // an object whose content is not ours to judge
  any_list,         // a list of such objects
  block,            // an object described by a schema
  block_list,       // a list of them
  block_map,        // names to them
};

struct field_row;
struct schema;

struct schema_field {
  std::string_view name;
  field_type type = field_type::text;
  const schema* of = nullptr;   // of block, block_list and block_map
  std::string_view alias = {};  // another accepted spelling, any case
  std::string_view api = {};    // the name in the HTTP API, when it is not the CamelCase of the name
  const field_row* row = nullptr;
};

struct schema {
  std::span<const schema_field> fields;
  // The field of that name: as written, else without regard to case, else by its alias.
  const schema_field* find(std::string_view name) const;
};

// What is wrong with one file.
struct schema_errors {
  std::vector<std::string> decoding; // texts of wrong types
  std::vector<std::string> unknown;  // paths of unknown keys
  bool empty() const { return decoding.empty() && unknown.empty(); }
  // Consul's text for them: the wrong types if there are any, else the unknown keys.
  std::string text() const;
};

// Checks an object against the schema and brings it into canonical form: keys are renamed to the schema's, lists of one
// are unwrapped where one value is wanted, lone blocks become lists where a list is wanted (HCL only), nulls are dropped.
// `json` only chooses words of messages: JSON numbers are "float64" to Go.
void normalise(config_value& object, const schema& against, bool json, schema_errors& errors);

// "1 error occurred:\n\t* x\n\n", as Consul lists errors.
std::string list_errors(const std::vector<std::string>& errors);

// Defined in runtime/base/json_codec.
bool equal_fold(std::string_view a, std::string_view b);

} // namespace actord
