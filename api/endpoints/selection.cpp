#include "api/endpoints/selection.hpp"
#include "runtime/base/equal_fold.hpp"
#include <algorithm>

namespace actord::endpoints {

bool has_node_meta(const string_table& wanted, const string_table& meta) {
  return std::all_of(wanted.begin(), wanted.end(), [&](auto& w) {
    auto it = meta.find(w.first);
    return it != meta.end() && it->second == w.second;
  });
}

bool has_tags(const rpc::service_request& q, const string_slice& tags) {
  if (!q.tag_filter) return true;
  auto there = [&](const std::string& wanted) { return std::any_of(tags.begin(), tags.end(), [&](auto& t) { return equal_fold(t, wanted); }); };
  if (q.tags.empty()) return there(q.tag);
  return std::all_of(q.tags.begin(), q.tags.end(), there);
}

} // namespace actord::endpoints
