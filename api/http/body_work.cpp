#include "api/http/body_work.hpp"

namespace actord::http {

// What is nested deeper than any record is refused by whoever decodes it.
status check_lists(const json_node& n, int depth) {
  if (depth > 100) return {};
  if (n.IsArray()) {
    if (n.Size() > longest_list) return error{errc::bad_request, "json: a list of " + std::to_string(n.Size()) + " elements is too long (" + std::to_string(longest_list) + ")"};
    for (auto& e : n.GetArray())
      if (auto s = check_lists(e, depth + 1); !s) return s;
  } else if (n.IsObject()) {
    for (auto& m : n.GetObject())
      if (auto s = check_lists(m.value, depth + 1); !s) return s;
  }
  return {};
}

} // namespace actord::http
