// Bytes as hexadecimal digits and back.
#pragma once
#include <string>
#include <string_view>

namespace actord::test {

inline std::string from_hex(std::string_view hex) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return out;
}

inline std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    for (const int shift : {4, 0}) out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> shift & 15]);
  return out;
}

} // namespace actord::test
