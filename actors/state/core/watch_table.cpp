#include "actors/state/core/watch_table.hpp"
#include <algorithm>
#include <utility>

namespace actord {
namespace {
// Enough for the time a message spends between two threads, at tens of thousands of changes per second.
constexpr size_t most_recent_topics = 65536;
} // namespace

bool watch_table::touches(const topic& changed, const topic& wanted) {
  if (wanted.kind == topic_kind::kv_prefix) return changed.kind == topic_kind::kv_key && changed.key.starts_with(wanted.key);
  return changed == wanted;
}

bool watch_table::changed_since(const std::vector<topic>& topics, raft_index seen) const {
  if (seen < known_from_) return true;
  for (auto set = recent_.rbegin(); set != recent_.rend() && (*set)->index > seen; ++set) {
    if ((*set)->everything) return true;
    for (auto& changed : (*set)->topics)
      for (auto& wanted : topics)
        if (touches(changed, wanted)) return true;
  }
  return false;
}

watch_id watch_table::add(const std::vector<topic>& topics, raft_index seen) {
  if (changed_since(topics, seen)) return 0;
  auto id = next_++;
  for (auto& t : topics) {
    auto& ids = by_topic_[t];
    if (ids.empty() && t.kind == topic_kind::kv_prefix) {
      auto at = std::find_if(prefix_lengths_.begin(), prefix_lengths_.end(), [&](auto& p) { return p.first == t.key.size(); });
      if (at == prefix_lengths_.end()) prefix_lengths_.emplace_back(t.key.size(), 1);
      else ++at->second;
    }
    ids.push_back(id);
  }
  watches_.emplace(id, topics);
  return id;
}

void watch_table::drop_from_index(watch_id id, const topic& t) {
  auto at = by_topic_.find(t);
  if (at == by_topic_.end()) return;
  std::erase(at->second, id);
  if (!at->second.empty()) return;
  by_topic_.erase(at);
  if (t.kind != topic_kind::kv_prefix) return;
  auto length = std::find_if(prefix_lengths_.begin(), prefix_lengths_.end(), [&](auto& p) { return p.first == t.key.size(); });
  if (length != prefix_lengths_.end() && --length->second == 0) prefix_lengths_.erase(length);
}

void watch_table::remove(watch_id id) {
  auto at = watches_.find(id);
  if (at == watches_.end()) return;
  auto topics = std::move(at->second);
  watches_.erase(at);
  for (auto& t : topics) drop_from_index(id, t);
}

void watch_table::skip_to(raft_index index) {
  if (index <= known_from_) return;
  known_from_ = index;
  while (!recent_.empty() && recent_.front()->index <= index) {
    recent_topics_ -= recent_.front()->topics.size();
    recent_.pop_front();
  }
}

void watch_table::take(const topic& t, std::vector<watch_id>& fired) {
  auto at = by_topic_.find(t);
  if (at == by_topic_.end()) return;
  // Out of the index at once: taking them out one by one costs the square of their number.
  const auto ids = std::exchange(at->second, {});
  for (auto id : ids) {
    if (!watches_.contains(id)) continue; // named the topic twice
    remove(id);
    fired.push_back(id);
  }
}

void watch_table::collect(const topic& changed, std::vector<watch_id>& fired) {
  take(changed, fired);
  if (changed.kind != topic_kind::kv_key || prefix_lengths_.empty()) return;
  auto lengths = prefix_lengths_;
  for (auto [length, count] : lengths)
    if (length <= changed.key.size()) take({topic_kind::kv_prefix, changed.key.substr(0, length)}, fired);
}

void watch_table::publish(std::shared_ptr<const change_set> changes, std::vector<watch_id>& fired) {
  if (changes->everything) {
    for (auto& [id, topics] : watches_) fired.push_back(id);
    watches_.clear();
    by_topic_.clear();
    prefix_lengths_.clear();
  } else if (!watches_.empty()) {
    for (auto& t : changes->topics) collect(t, fired);
  }
  recent_topics_ += changes->topics.size();
  recent_.push_back(std::move(changes));
  while (recent_topics_ > most_recent_topics && recent_.size() > 1) {
    known_from_ = recent_.front()->index;
    recent_topics_ -= recent_.front()->topics.size();
    recent_.pop_front();
  }
}

} // namespace actord
