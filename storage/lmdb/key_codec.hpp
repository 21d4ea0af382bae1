// How keys are made of parts so that byte order is the order of the parts, and numbers are kept in values.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace actord::lmdb {

inline void store_be64(char* p, uint64_t v) {
  if constexpr (std::endian::native == std::endian::little) v = __builtin_bswap64(v);
  std::memcpy(p, &v, 8);
}
inline uint64_t load_be64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  if constexpr (std::endian::native == std::endian::little) v = __builtin_bswap64(v);
  return v;
}

// Appends a part and its end mark. A zero byte inside becomes 00 ff and the mark is 00 01, so that no part can imitate
// the start of another and a shorter part sorts before those that it begins.
inline void append_part(std::string& key, std::string_view part) {
  for (char c : part) {
    key += c;
    if (c == '\0') key += '\xff';
  }
  key.append("\0\1", 2);
}

// Takes the first part off; false when there is no end mark.
inline bool take_part(std::string_view& key, std::string& part) {
  part.clear();
  for (size_t i = 0; i + 1 < key.size(); ++i) {
    if (key[i] != '\0') {
      part += key[i];
    } else if (key[i + 1] == '\1') {
      key.remove_prefix(i + 2);
      return true;
    } else {
      part += '\0';
      ++i;
    }
  }
  return false;
}

inline std::string key_of(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (auto p : parts) append_part(key, p);
  return key;
}

} // namespace actord::lmdb
