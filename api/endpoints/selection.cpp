#include "api/endpoints/selection.hpp"
#include "api/endpoints/subject.hpp"
#include <algorithm>
#include <vector>

namespace actord::endpoints {

bool has_node_meta(const string_table& wanted, const string_table& meta) {
  return std::all_of(wanted.begin(), wanted.end(), [&](auto& w) {
    auto it = meta.find(w.first);
    return it != meta.end() && it->second == w.second;
  });
}

size_t folded_hash::operator()(std::string_view s) const noexcept { return folded_text_hash(s); }

tag_choice::tag_choice(const rpc::service_request& q) {
  if (!q.tag_filter) return;
  if (q.tags.empty()) want(q.tag);
  for (auto& tag : q.tags) want(tag);
}

tag_choice::tag_choice(const string_slice& wanted) {
  for (const std::string_view tag : wanted)
    if (tag.starts_with('!')) without_.emplace(tag.substr(1));
    else want(tag);
}

bool tag_choice::takes(const string_slice& tags) const {
  constexpr size_t few = 4;
  if (with_.size() + without_.size() > few) return takes_looking_up(tags);
  const auto there = [&](std::string_view wanted) { return std::any_of(tags.begin(), tags.end(), [&](auto& t) { return equal_fold(t, wanted); }); };
  return std::all_of(with_.begin(), with_.end(), [&](auto& w) { return there(w.first); }) && std::none_of(without_.begin(), without_.end(), there);
}

bool tag_choice::takes_looking_up(const string_slice& tags) const {
  if (tags.size() < with_.size()) return false;
  std::vector<bool> found(with_.size());
  size_t missing = with_.size();
  for (const std::string_view tag : tags) {
    if (without_.contains(tag)) return false;
    const auto it = with_.find(tag);
    if (it == with_.end() || found[it->second]) continue;
    found[it->second] = true;
    --missing;
  }
  return missing == 0;
}

} // namespace actord::endpoints
