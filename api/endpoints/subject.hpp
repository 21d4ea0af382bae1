// What a read asks for, as a number for long_memory (storage/state/read_view_long.hpp): the same however its asker spells it, in whichever order its
// arguments came, and whatever it wants of what is found.
#pragma once
#include "runtime/base/text_hash.hpp"

namespace actord::endpoints {

// Of a name that is matched without regard to case.
inline uint64_t folded_text_hash(std::string_view s) {
  running_hash h;
  for (const char c : s) h.put(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
  return h.so_far();
}

template <class Args> uint64_t subject_of(const Args& a) {
  if constexpr (requires { a.service; }) return folded_text_hash(a.service);
  else if constexpr (requires { a.node; }) return folded_text_hash(a.node);
  else if constexpr (requires { a.key; }) return text_hash{}(a.key);
  else if constexpr (requires { a.prefix; }) return text_hash{}(a.prefix);
  else if constexpr (requires { a.state; }) return text_hash{}(a.state);
  else if constexpr (requires { a.ops; }) return a.ops.empty() || !a.ops.front().kv ? 0 : text_hash{}(a.ops.front().kv->entry.key); // a transaction
  else if constexpr (requires { a.query.service.service; }) return folded_text_hash(a.query.service.service); // a whole prepared query
  else if constexpr (requires { std::string_view(a.query); }) return folded_text_hash(a.query);
  else if constexpr (requires { a.query_id; }) return folded_text_hash(a.query_id);
  else return 0;
}

} // namespace actord::endpoints
