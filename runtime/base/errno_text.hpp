// "no such file or directory", "connection refused": Go's words for an errno.
#pragma once
#include <cstring>
#include <string>

namespace actord {

inline std::string go_errno_text(int code) {
  std::string text = std::strerror(code);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && text.compare(0, 3, "I/O") != 0) text[0] = static_cast<char>(text[0] + 32);
  return text;
}

} // namespace actord
