// How an entry of the KV table lies on disk: numbers at fixed places (big-endian), then the session, then the value, so
// that an index or a flag is read without decoding. The key is the table's key.
//   0 version (1) | 1 create | 9 modify | 17 flags | 25 lock index | 33 session length (8 bytes) | 41 session | value
#pragma once
#include "storage/lmdb/key_codec.hpp"
#include "storage/model/kv_entry.hpp"
#include <cstring>
#include <string_view>

namespace actord::state {

struct kv_view { // into the map; valid as long as the bytes that it was made of
  uint64_t create_index = 0, modify_index = 0, flags = 0, lock_index = 0;
  std::string_view session, value;
};

inline constexpr size_t kv_header = 41;

inline bool decode_kv(std::string_view in, kv_view& out) {
  if (in.size() < kv_header || in[0] != 1) return false;
  out.create_index = lmdb::load_be64(in.data() + 1);
  out.modify_index = lmdb::load_be64(in.data() + 9);
  out.flags = lmdb::load_be64(in.data() + 17);
  out.lock_index = lmdb::load_be64(in.data() + 25);
  auto session = lmdb::load_be64(in.data() + 33);
  if (session > in.size() - kv_header) return false;
  out.session = in.substr(kv_header, session);
  out.value = in.substr(kv_header + session);
  return true;
}

inline size_t kv_size(const kv_view& e) { return kv_header + e.session.size() + e.value.size(); }

inline void encode_kv(char* out, const kv_view& e) {
  out[0] = 1;
  lmdb::store_be64(out + 1, e.create_index);
  lmdb::store_be64(out + 9, e.modify_index);
  lmdb::store_be64(out + 17, e.flags);
  lmdb::store_be64(out + 25, e.lock_index);
  lmdb::store_be64(out + 33, e.session.size());
  if (!e.session.empty()) std::memcpy(out + kv_header, e.session.data(), e.session.size());
  if (!e.value.empty()) std::memcpy(out + kv_header + e.session.size(), e.value.data(), e.value.size());
}

inline void to_entry(std::string_view key, const kv_view& e, kv_entry& out) {
  out.key.assign(key);
  out.value.assign(e.value);
  out.session.assign(e.session);
  out.flags = e.flags;
  out.lock_index = e.lock_index;
  out.create_index = e.create_index;
  out.modify_index = e.modify_index;
}

} // namespace actord::state
