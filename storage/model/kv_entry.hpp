// A key of the key/value store (Consul's DirEntry) and its tombstone.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

struct kv_entry {
  uint64_t lock_index = 0; // how often the key was locked
  std::string key;
  uint64_t flags = 0; // opaque to us
  std::string value;
  std::string session; // holder of the lock, "" when unlocked
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const kv_entry&) const = default;

  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("LockIndex", s.lock_index);
    v("Key", s.key);
    v("Flags", s.flags);
    v("Value", s.value, {.bytes = true});
    v("Session", s.session, {.omit_empty = true});
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
