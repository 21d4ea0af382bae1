#include "api/http/core/router.hpp"
#include "api/http/core/uri.hpp"
#include <algorithm>

namespace actord::http {

router::router(const std::vector<std::string_view>& patterns) {
  for (size_t i = 0; i < patterns.size(); ++i) {
    rows_.emplace(patterns[i], i);
    longest_ = std::max(longest_, patterns[i].size());
  }
}

route_match router::match(std::string_view path) const {
  route_match m;
  if (needs_cleaning(path)) {
    m.what = route_match::kind::redirect;
    m.location = clean_path(path);
    return m;
  }
  // From the whole path down to its shorter prefixes, so that the longest pattern wins; none is longer than longest_,
  // which bounds the work for long paths.
  if (path.size() <= longest_) {
    if (auto it = rows_.find(path); it != rows_.end()) {
      m.what = route_match::kind::found;
      m.row = it->second;
      return m;
    }
    std::string with_slash = std::string(path) + '/';
    if (rows_.contains(with_slash)) {
      m.what = route_match::kind::redirect;
      m.location = std::move(with_slash);
      return m;
    }
  }
  size_t from = std::min(path.size(), longest_);
  for (size_t slash = path.rfind('/', from); slash != path.npos; slash = slash == 0 ? path.npos : path.rfind('/', slash - 1)) {
    auto it = rows_.find(path.substr(0, slash + 1));
    if (it == rows_.end()) continue;
    m.what = route_match::kind::found;
    m.row = it->second;
    m.tail = path.substr(slash + 1);
    return m;
  }
  return m;
}

std::string allow_header(uint8_t methods) {
  static constexpr std::string_view names[] = {"GET", "POST", "PUT", "DELETE"};
  std::string out = "OPTIONS";
  for (int bit = 0; bit < 4; ++bit)
    if (methods & (1 << bit)) (out += ',') += names[bit];
  return out;
}

} // namespace actord::http
