#include "runtime/config/schema.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord {

const schema_field* schema::find(std::string_view name) const {
  for (auto& f : fields)
    if (f.name == name) return &f;
  for (auto& f : fields)
    if (equal_fold(f.name, name) || (!f.alias.empty() && equal_fold(f.alias, name))) return &f;
  return nullptr;
}

std::string list_errors(const std::vector<std::string>& errors) {
  auto out = errors.size() == 1 ? std::string("1 error occurred:") : fmt::format("{} errors occurred:", errors.size());
  for (auto& e : errors) out += "\n\t* " + e;
  return out + "\n\n";
}

std::string schema_errors::text() const {
  if (!decoding.empty()) {
    auto sorted = decoding;
    std::sort(sorted.begin(), sorted.end());
    auto out = fmt::format("{} error(s) decoding:\n", sorted.size());
    for (auto& e : sorted) out += "\n* " + e;
    return out;
  }
  std::vector<std::string> lines;
  for (auto& key : unknown) lines.push_back("invalid config key " + key);
  return list_errors(lines);
}

namespace {

using kind = config_value::kind;

class checker {
public:
  checker(bool json, schema_errors& errors) : json_(json), errors_(errors) {}

  void block(config_value& v, const schema& s, const std::string& path);

private:
  void field(config_value& v, const schema_field& f, const std::string& path);
  void scalar(config_value& v, field_type t, const std::string& path);
  void list(config_value& v, const schema_field& f, const std::string& path);
  void map(config_value& v, const schema_field& f, const std::string& path);
  bool is_map(config_value& v, const std::string& path);

  // Go's kind, and Go's full type name.
  std::string_view kind_of(const config_value& v) const {
    return json_ && v.type == kind::integer ? "float64" : kind_name(v.type);
  }
  std::string_view type_of(const config_value& v) const {
    return v.is_list() ? "[]interface {}" : v.is_object() ? "map[string]interface {}" : kind_of(v);
  }
  void wrong(const std::string& path, std::string_view wanted, const config_value& v) {
    errors_.decoding.push_back(fmt::format("'{}' expected type '{}', got unconvertible type '{}'", path, wanted, type_of(v)));
  }

  bool json_;
  schema_errors& errors_;
};

void unwrap_list_of_one(config_value& v) {
  if (!v.is_list() || v.list.size() != 1) return;
  auto only = std::move(v.list[0]);
  v = std::move(only);
}

void checker::scalar(config_value& v, field_type t, const std::string& path) {
  unwrap_list_of_one(v);
  if (v.is_null()) return;
  switch (t) {
    case field_type::boolean:
      if (v.type != kind::boolean) wrong(path, "bool", v);
      return;
    case field_type::integer:
    case field_type::unsigned_integer:
      if (!v.is_number()) return wrong(path, t == field_type::integer ? "int" : "uint32", v);
      // A fraction is cut off, as Go's conversion does; what does not fit is refused.
      if (v.type == kind::real) {
        if (!(v.real > -9.2e18 && v.real < 9.2e18))
          return errors_.decoding.push_back(fmt::format("cannot parse '{}', {} overflows int", path, v.real));
        v.integer = static_cast<int64_t>(v.real);
        v.type = kind::integer;
      }
      if (t == field_type::unsigned_integer && (v.integer < 0 || v.integer > UINT32_MAX))
        errors_.decoding.push_back(fmt::format("cannot parse '{}', {} overflows uint", path, v.integer));
      return;
    case field_type::real:
      if (!v.is_number()) return wrong(path, "float64", v);
      if (v.type == kind::integer) v.real = static_cast<double>(v.integer);
      v.type = kind::real;
      return;
    default:
      if (!v.is_string()) wrong(path, "string", v);
  }
}

void checker::list(config_value& v, const schema_field& f, const std::string& path) {
  if (v.is_object() && !json_) {
    std::vector<config_value> items;
    items.push_back(std::move(v));
    auto all = config_value::of_list(std::move(items));
    all.line = all.list[0].line;
    all.file = all.list[0].file;
    v = std::move(all);
  }
  if (v.is_null()) return;
  if (!v.is_list()) {
    errors_.decoding.push_back(fmt::format("'{}': source data must be an array or slice, got {}", path, kind_of(v)));
    return;
  }
  for (size_t i = 0; i < v.list.size(); ++i) {
    auto& item = v.list[i];
    const auto place = fmt::format("{}[{}]", path, i);
    if (f.type == field_type::text_list || f.type == field_type::list_map) {
      if (item.is_null()) item = config_value::of_string("");
      scalar(item, field_type::text, place);
    } else if (is_map(item, place) && f.of) {
      block(item, *f.of, place);
    }
  }
}

bool checker::is_map(config_value& v, const std::string& path) {
  unwrap_list_of_one(v);
  if (v.is_object()) return true;
  if (!v.is_null()) errors_.decoding.push_back(fmt::format("'{}' expected a map, got '{}'", path, kind_of(v)));
  return false;
}

void checker::map(config_value& v, const schema_field& f, const std::string& path) {
  if (!is_map(v, path)) return;
  for (auto& [key, value] : v.object) {
    const auto place = fmt::format("{}[{}]", path, key);
    switch (f.type) {
      case field_type::text_map:
      case field_type::duration_map:
        if (value.is_null()) value = config_value::of_string("");
        scalar(value, field_type::text, place);
        break;
      case field_type::list_map: list(value, f, place); break;
      case field_type::block_map:
        if (is_map(value, place)) block(value, *f.of, place);
        break;
      default: break;
    }
  }
}

void checker::field(config_value& v, const schema_field& f, const std::string& path) {
  switch (f.type) {
    case field_type::text_list:
    case field_type::any_list:
    case field_type::block_list: return list(v, f, path);
    case field_type::text_map:
    case field_type::duration_map:
    case field_type::list_map:
    case field_type::any_map:
    case field_type::block_map: return map(v, f, path);
    case field_type::block:
      if (is_map(v, path)) block(v, *f.of, path);
      return;
    default: return scalar(v, f.type, path);
  }
}

// The files' readers bound the depth, so recursion is bounded.
void checker::block(config_value& v, const schema& s, const std::string& path) {
  const auto prefix = path.empty() ? "" : path + ".";
  std::vector<config_value::member> kept;
  std::vector<std::string> unknown;
  std::vector<const schema_field*> taken;
  // A key in its exact spelling wins over other spellings of it, which then count as unknown.
  for (const bool exact : {true, false}) {
    for (auto& [key, value] : v.object) {
      const auto* f = s.find(key);
      if (f && (f->name == key) != exact) continue;
      if (!f && exact) continue;
      if (!f || std::find(taken.begin(), taken.end(), f) != taken.end()) {
        unknown.push_back(prefix + key);
        continue;
      }
      taken.push_back(f);
      field(value, *f, prefix + std::string(f->name));
      if (!value.is_null()) kept.emplace_back(std::string(f->name), std::move(value));
    }
  }
  for (auto& u : unknown) errors_.unknown.push_back(std::move(u));
  v.object = std::move(kept);
}

} // namespace

void normalise(config_value& object, const schema& against, bool json, schema_errors& errors) {
  checker(json, errors).block(object, against, "");
}

} // namespace actord
