// Which row of a table of patterns serves a path, by the rules of Go's ServeMux: exact patterns, prefixes (ending in
// "/", the longest wins), redirects to the cleaned path and from "/a" to "/a/".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace actord::http {

struct route_match {
  enum class kind : uint8_t { found, redirect, absent } what = kind::absent;
  size_t row = 0;
  std::string_view tail;  // of a prefix pattern; a view into the path
  std::string location;   // of a redirect: the path, not encoded
};

class router {
public:
  // The texts behind the views must outlive the router.
  explicit router(const std::vector<std::string_view>& patterns);
  route_match match(std::string_view decoded_path) const;

private:
  std::unordered_map<std::string_view, size_t> rows_;
  size_t longest_ = 0;
};

// "OPTIONS,GET,PUT": the Allow header of a row's methods (bits of verb).
std::string allow_header(uint8_t methods);

} // namespace actord::http
