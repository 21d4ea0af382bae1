// Reading answers: members of JSON objects without ceremony. What is absent or of another type reads as empty.
#pragma once
#include "runtime/base/json_codec.hpp"
#include <map>
#include <string>

namespace actord::cli {

inline const json_node* member(const json_node& n, const char* name) {
  if (!n.IsObject()) return nullptr;
  auto at = n.FindMember(name);
  return at == n.MemberEnd() ? nullptr : &at->value;
}
inline std::string text(const json_node& n) { return n.IsString() ? std::string(n.GetString(), n.GetStringLength()) : std::string(); }
inline std::string text(const json_node& n, const char* name) {
  const auto* m = member(n, name);
  return m ? text(*m) : std::string();
}
inline int64_t number(const json_node& n, const char* name) {
  const auto* m = member(n, name);
  return m && m->IsInt64() ? m->GetInt64() : 0;
}
inline std::map<std::string, std::string> texts(const json_node& n, const char* name) {
  std::map<std::string, std::string> out;
  if (const auto* m = member(n, name); m && m->IsObject())
    for (auto& e : m->GetObject()) out[text(e.name)] = text(e.value);
  return out;
}

// A document whose root is a list (or null: an empty one), or an object (or null).
enum class json_shape { list, object };
inline result<json_document> read_answer(std::string_view body, json_shape shape) {
  auto doc = json_document::parse(body);
  if (!doc) return doc;
  bool fits = doc->root().IsNull() || (shape == json_shape::list ? doc->root().IsArray() : doc->root().IsObject());
  if (!fits) return error{errc::corrupt, "json: unexpected answer from the agent: " + std::string(body.substr(0, 100))};
  return doc;
}

} // namespace actord::cli
