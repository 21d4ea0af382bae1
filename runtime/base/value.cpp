#include "runtime/base/value.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>

namespace actord {

config_value config_value::of_bool(bool b) {
  config_value v;
  v.type = kind::boolean;
  v.boolean = b;
  return v;
}

config_value config_value::of_int(int64_t i) {
  config_value v;
  v.type = kind::integer;
  v.integer = i;
  return v;
}

config_value config_value::of_real(double d) {
  config_value v;
  v.type = kind::real;
  v.real = d;
  return v;
}

config_value config_value::of_string(std::string s) {
  config_value v;
  v.type = kind::string;
  v.string = std::move(s);
  return v;
}

config_value config_value::of_list(std::vector<config_value> items) {
  config_value v;
  v.type = kind::list;
  v.list = std::move(items);
  return v;
}

config_value config_value::of_object(std::vector<member> members) {
  config_value v;
  v.type = kind::object;
  v.object = std::move(members);
  return v;
}

const config_value* config_value::find(std::string_view key) const {
  for (auto& [name, value] : object)
    if (name == key) return &value;
  return nullptr;
}

config_value* config_value::find(std::string_view key) {
  return const_cast<config_value*>(static_cast<const config_value&>(*this).find(key));
}

config_value& config_value::at_or_add(std::string_view key) {
  if (auto* found = find(key)) return *found;
  return object.emplace_back(std::string(key), config_value{}).second;
}

void config_value::erase(std::string_view key) {
  std::erase_if(object, [&](const member& m) { return m.first == key; });
}

std::string config_value::where() const {
  if (!file) return {};
  return line == 0 ? *file : *file + ":" + std::to_string(line);
}

std::string_view kind_name(config_value::kind k) {
  using kind = config_value::kind;
  switch (k) {
    case kind::null: return "nil";
    case kind::boolean: return "bool";
    case kind::integer: return "int";
    case kind::real: return "float64";
    case kind::string: return "string";
    case kind::list: return "slice";
    case kind::object: return "map";
  }
  return "nil";
}

bool operator==(const config_value& a, const config_value& b) {
  using kind = config_value::kind;
  if (a.type != b.type) return false;
  switch (a.type) {
    case kind::null: return true;
    case kind::boolean: return a.boolean == b.boolean;
    case kind::integer: return a.integer == b.integer;
    case kind::real: return a.real == b.real;
    case kind::string: return a.string == b.string;
    case kind::list: return a.list == b.list;
    case kind::object: return a.object == b.object;
  }
  return false;
}

namespace {

// Recursion is bounded by the depth that the readers allow.
void write(json_writer& w, const config_value& v) {
  using kind = config_value::kind;
  switch (v.type) {
    case kind::null: return w.null();
    case kind::boolean: return w.boolean(v.boolean);
    case kind::integer: return w.number(v.integer);
    case kind::real: return w.number(v.real == 0 ? 0.0 : v.real); // "-0" would come back as an integer, which has no sign
    case kind::string: return w.string(v.string);
    case kind::list:
      w.begin_array();
      for (auto& item : v.list) write(w, item);
      return w.end_array();
    case kind::object:
      w.begin_object();
      for (auto& [key, value] : v.object) {
        w.key(key);
        write(w, value);
      }
      return w.end_object();
  }
}

} // namespace

std::string to_json(const config_value& v) {
  std::string out;
  json_writer w(out);
  write(w, v);
  return out;
}

} // namespace actord
