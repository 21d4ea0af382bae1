// A request as the front hands it to handlers. Everything is a view into the connection's buffer or into the object's
// own storage, valid while the handler runs; whoever answers later copies what it needs. One object per loop is reused,
// so that parsing allocates nothing once it is warm.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord::http {

enum class verb : uint8_t { get = 1, post = 2, put = 4, del = 8, head = 16, options = 32, other = 64 };

struct request {
  std::string_view method;   // "GET", as sent
  verb method_verb = verb::other;
  std::string_view target;   // as sent: path and query
  std::string path;          // percent-decoded
  std::string_view raw_query;
  std::string_view tail;     // the rest of the path after a prefix route's pattern, decoded; "" for exact routes
  std::vector<std::pair<std::string_view, std::string_view>> params; // decoded, in order
  std::vector<std::pair<std::string_view, std::string_view>> headers; // names as sent
  std::string_view body;
  std::string_view peer; // the client's IP literal, "" for a unix socket

  int minor_version = 1;       // HTTP/1.x
  bool keep_alive = true;
  bool expect_continue = false;
  bool chunked = false;
  bool bad_query = false;      // a parameter did not decode (Go's ParseQuery failed)
  uint64_t content_length = 0; // as announced; of no meaning when chunked

  // The first value of a query parameter, "" when absent: Go's Values.Get.
  std::string_view param(std::string_view name) const {
    for (auto& [k, v] : params)
      if (k == name) return v;
    return {};
  }
  bool has_param(std::string_view name) const {
    for (auto& [k, v] : params)
      if (k == name) return true;
    return false;
  }
  // The first header of that name without regard to case, "" when absent.
  std::string_view header(std::string_view name) const;

  std::string arena; // backing of decoded parameters and of a chunked body
  std::string chunks;
};

} // namespace actord::http
