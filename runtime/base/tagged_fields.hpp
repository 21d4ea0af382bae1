// Numbered fields between servers: a key (2 * number, + 1 for bytes), then a varint or a length and bytes. Fields that are
// zero or empty are left out, and readers skip numbers that they do not know, so that versions can differ.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace actord {

inline void put_varint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
inline void put_number(std::string& out, uint64_t field, uint64_t v) {
  if (v == 0) return;
  put_varint(out, field * 2);
  put_varint(out, v);
}
inline void put_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  if (bytes.empty()) return;
  put_varint(out, field * 2 + 1);
  put_varint(out, bytes.size());
  out.append(bytes);
}
inline size_t varint_size(uint64_t v) {
  size_t n = 1;
  for (; v >= 0x80; v >>= 7) ++n;
  return n;
}

// Walks over fields. After a false from next(), failed() tells a bad input from a finished one.
class field_walk {
public:
  explicit field_walk(std::string_view in) : in_(in) {}
  bool next() {
    uint64_t key = 0;
    bytes = {};
    if (in_.empty() || failed_ || !varint(key) || !varint(value)) return false;
    number = key >> 1;
    is_bytes = (key & 1) != 0;
    if (!is_bytes) return true;
    if (value > in_.size()) return fail();
    bytes = in_.substr(0, value);
    in_.remove_prefix(value);
    value = 0;
    return true;
  }
  bool failed() const { return failed_; }
  uint64_t number = 0, value = 0;
  bool is_bytes = false;
  std::string_view bytes;

private:
  bool fail() {
    failed_ = true;
    return false;
  }
  bool varint(uint64_t& v) {
    v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) return fail();
      const auto byte = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1) return fail(); // more than 64 bits
      v |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return true;
    }
    return fail();
  }
  std::string_view in_;
  bool failed_ = false;
};

} // namespace actord
