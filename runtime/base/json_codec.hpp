// JSON out of a record's description (fields.hpp) and back in, by Go's rules: names match without regard to case,
// null leaves the zero value, unknown names are an error unless allowed.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>
#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/document.h>

namespace actord {

// ---- out ----------------------------------------------------------------------------------------------------

std::string format_wall_time(const wall_time& t);                    // RFC3339Nano as Go prints it
bool parse_wall_time(std::string_view text, wall_time& out);         // false when it is not RFC3339
void json_encode_free(json_writer& w, const free_value& x);

template <class T> void json_encode(json_writer& w, const T& x, const attr& a = {});

struct json_field_out {
  json_writer& w;
  template <class T> void operator()(std::string_view name, const T& x, const attr& a = {}) {
    if (!a.json || (a.omit_empty && is_empty_value(x))) return;
    w.plain_key(name);
    json_encode(w, x, a);
  }
};

template <class T> void json_encode(json_writer& w, const T& x, const attr& a) {
  if constexpr (std::is_same_v<T, bool>) w.boolean(x);
  else if constexpr (std::is_same_v<T, std::string>) {
    if (!a.bytes) w.string(x);
    else if (x.empty()) w.null();
    else w.base64(x);
  } else if constexpr (std::is_same_v<T, nanos>) {
    if (a.numeric) w.number(static_cast<int64_t>(x.count()));
    else w.string(format_duration(x));
  } else if constexpr (std::is_same_v<T, wall_time>) w.string(format_wall_time(x));
  else if constexpr (std::is_same_v<T, free_value>) json_encode_free(w, x);
  else if constexpr (std::is_floating_point_v<T>) w.number(static_cast<double>(x));
  else if constexpr (std::is_unsigned_v<T>) w.number(static_cast<uint64_t>(x));
  else if constexpr (std::is_integral_v<T>) w.number(static_cast<int64_t>(x));
  else if constexpr (is_boxed<T>::value) x ? json_encode(w, *x, a) : w.null();
  else if constexpr (is_nilable_list<T>::value) {
    if (x.is_nil()) return w.null();
    w.begin_array();
    for (auto& e : x) json_encode(w, e, a);
    w.end_array();
  } else if constexpr (is_nilable_map<T>::value) {
    if (x.is_nil()) return w.null();
    w.begin_object();
    for (auto& [k, v] : x) {
      w.key(k);
      json_encode(w, v, a);
    }
    w.end_object();
  } else {
    w.begin_object();
    T::fields(json_field_out{w}, x);
    w.end_object();
  }
}

template <class T> std::string to_json(const T& x) {
  std::string out;
  json_writer w(out);
  json_encode(w, x);
  return out;
}

// ---- in -----------------------------------------------------------------------------------------------------

using json_node = rapidjson::Value;

// A parsed document. Nesting costs no stack while parsing (iterative reader); memory is bounded by a small multiple of
// the input's length. Errors carry Go's text where it is simple ("EOF", "unexpected end of JSON input",
// "invalid character 'x' after top-level value").
class json_document {
public:
  static result<json_document> parse(std::string_view text);
  const json_node& root() const { return doc_; }

private:
  rapidjson::Document doc_;
};

struct json_options {
  bool allow_unknown = false; // a record that says `json_takes_unknown` does so anyhow
};

bool equal_fold(std::string_view a, std::string_view b);
error json_mismatch(const json_node& got, std::string_view field, std::string_view go_type);
status json_decode_free(const json_node& n, free_value& out, int depth = 0);
status json_decode_duration(const json_node& n, nanos& out, std::string_view field);

template <class T> status json_decode(const json_node& n, T& x, const attr& a = {}, const json_options& o = {}, std::string_view field = {});

struct json_field_in {
  std::string_view name;
  const json_node& value;
  const json_options& options;
  bool found = false;
  status outcome{};
  template <class T> void operator()(std::string_view own, T& x, const attr& a = {}) {
    if (found || !a.json || !(equal_fold(own, name) || (a.alias && equal_fold(a.alias, name)))) return;
    found = true;
    outcome = json_decode(value, x, a, options, own);
  }
};

template <class T> status json_decode_integer(const json_node& n, T& x, std::string_view field) {
  if constexpr (std::is_unsigned_v<T>) {
    if (!n.IsUint64() || n.GetUint64() > std::numeric_limits<T>::max()) return json_mismatch(n, field, "uint64");
    x = static_cast<T>(n.GetUint64());
  } else {
    if (!n.IsInt64() || n.GetInt64() > std::numeric_limits<T>::max() || n.GetInt64() < std::numeric_limits<T>::min())
      return json_mismatch(n, field, "int");
    x = static_cast<T>(n.GetInt64());
  }
  return {};
}

template <class T> status json_decode_map(const json_node& n, T& x, const attr& a, const json_options& o, std::string_view field) {
  if (!n.IsObject()) return json_mismatch(n, field, "map");
  x.set = true;
  for (auto& m : n.GetObject()) {
    auto& slot = x[std::string(m.name.GetString(), m.name.GetStringLength())];
    if (auto s = json_decode(m.value, slot, a, o, field); !s) return s;
  }
  return {};
}

// Consul's decoder refuses unknown fields; some of its records have decoders of their own that do not.
template <class T> constexpr bool takes_unknown = requires { T::json_takes_unknown; };

template <class T> status json_decode_record(const json_node& n, T& x, const json_options& o, std::string_view field) {
  if (!n.IsObject()) return json_mismatch(n, field, "struct");
  for (auto& m : n.GetObject()) {
    json_field_in in{{m.name.GetString(), m.name.GetStringLength()}, m.value, o};
    T::fields(in, x);
    if (!in.found && !takes_unknown<T> && !o.allow_unknown)
      return error{errc::bad_request, "json: unknown field \"" + std::string(in.name) + "\""};
    if (!in.outcome) return in.outcome;
  }
  return {};
}

template <class T> status json_decode(const json_node& n, T& x, const attr& a, const json_options& o, std::string_view field) {
  if (n.IsNull()) return {};
  if constexpr (std::is_same_v<T, bool>) {
    if (!n.IsBool()) return json_mismatch(n, field, "bool");
    x = n.GetBool();
    return {};
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!n.IsString()) return json_mismatch(n, field, a.bytes ? "[]uint8" : "string");
    std::string_view text(n.GetString(), n.GetStringLength());
    if (!a.bytes) x = text;
    else if (!decode_base64(text, x)) return error{errc::bad_request, "illegal base64 data at input byte 0"};
    return {};
  } else if constexpr (std::is_same_v<T, nanos>) return json_decode_duration(n, x, field);
  else if constexpr (std::is_same_v<T, wall_time>) {
    if (!n.IsString() || !parse_wall_time({n.GetString(), n.GetStringLength()}, x)) return json_mismatch(n, field, "time.Time");
    return {};
  } else if constexpr (std::is_same_v<T, free_value>) return json_decode_free(n, x);
  else if constexpr (std::is_floating_point_v<T>) {
    if (!n.IsNumber()) return json_mismatch(n, field, "float64");
    x = static_cast<T>(n.GetDouble());
    return {};
  } else if constexpr (std::is_integral_v<T>) return json_decode_integer(n, x, field);
  else if constexpr (is_boxed<T>::value) return json_decode(n, x ? *x : x.emplace(), a, o, field);
  else if constexpr (is_nilable_list<T>::value) {
    if (!n.IsArray()) return json_mismatch(n, field, "[]" + std::string("string"));
    x.clear();
    x.set = true;
    x.reserve(n.Size());
    for (auto& e : n.GetArray())
      if (auto s = json_decode(e, x.emplace_back(), a, o, field); !s) return s;
    return {};
  } else if constexpr (is_nilable_map<T>::value) return json_decode_map(n, x, a, o, field);
  else return json_decode_record(n, x, o, field);
}

// The whole body of a request. Text of the error as Go's decoder gives it, without Consul's prefix.
template <class T> status from_json(std::string_view text, T& x, const json_options& o = {}) {
  auto doc = json_document::parse(text);
  if (!doc) return doc.err();
  return json_decode(doc->root(), x, {}, o);
}

} // namespace actord
