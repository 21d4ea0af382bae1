#include "actors/state/core/watch_table.hpp"
#include <algorithm>
#include <utility>

namespace actord {
namespace {
// Enough for the time a message spends between two threads, at tens of thousands of changes per second.
constexpr size_t most_recent_bytes = 8 << 20;

size_t bytes_of(const change_set& changes) {
  size_t bytes = sizeof(change_set);
  for (const auto& t : changes.topics) bytes += sizeof(topic) + t.key.size();
  return bytes;
}
} // namespace

bool watch_table::touches(const topic& changed, const topic& wanted) {
  if (wanted.kind == topic_kind::kv_prefix) return changed.kind == topic_kind::kv_key && changed.key.starts_with(wanted.key);
  return changed == wanted;
}

bool watch_table::changed_since(const std::vector<topic>& topics, raft_index seen) const {
  if (seen < known_from_) return true;
  for (auto recent = recent_.rbegin(); recent != recent_.rend() && recent->set->index > seen; ++recent) {
    if (recent->set->everything) return true;
    for (auto& changed : recent->set->topics)
      for (auto& wanted : topics)
        if (touches(changed, wanted)) return true;
  }
  return false;
}

watch_id watch_table::add(const std::vector<topic>& topics, raft_index seen) {
  if (changed_since(topics, seen)) return 0;
  auto id = next_++;
  std::vector<topic> named;
  named.reserve(topics.size());
  for (auto& t : topics) {
    auto& ids = by_topic_[t].ids;
    if (!ids.empty() && ids.back() == id) continue; // named twice
    if (ids.empty() && t.kind == topic_kind::kv_prefix) ++prefix_lengths_[t.key.size()];
    ids.push_back(id);
    named.push_back(t);
  }
  watches_.emplace(id, std::move(named));
  return id;
}

void watch_table::forget_length(const topic& t) {
  if (t.kind != topic_kind::kv_prefix) return;
  auto at = prefix_lengths_.find(t.key.size());
  if (at != prefix_lengths_.end() && --at->second == 0) prefix_lengths_.erase(at);
}

// Looking for one among a hundred thousand takes too long: they are thrown out when they are more than half.
void watch_table::drop_from_index(const topic& t) {
  auto at = by_topic_.find(t);
  if (at == by_topic_.end()) return;
  auto& w = at->second;
  if (2 * ++w.removed <= w.ids.size()) return;
  std::erase_if(w.ids, [&](watch_id id) { return !watches_.contains(id); });
  w.removed = 0;
  if (!w.ids.empty()) return;
  forget_length(at->first);
  by_topic_.erase(at);
}

void watch_table::remove(watch_id id) {
  auto at = watches_.find(id);
  if (at == watches_.end()) return;
  auto topics = std::move(at->second);
  watches_.erase(at);
  for (auto& t : topics) drop_from_index(t);
}

void watch_table::skip_to(raft_index index) {
  if (index <= known_from_) return;
  known_from_ = index;
  while (!recent_.empty() && recent_.front().set->index <= index) forget_first();
}

void watch_table::forget_first() {
  recent_bytes_ -= recent_.front().bytes;
  recent_.pop_front();
}

void watch_table::take(places::iterator at, std::vector<watch_id>& fired) {
  if (at == by_topic_.end()) return;
  const auto taken = by_topic_.extract(at);
  forget_length(taken.key());
  for (auto id : taken.mapped().ids) {
    if (!watches_.contains(id)) continue;
    remove(id);
    fired.push_back(id);
  }
}

void watch_table::collect(const topic& changed, std::vector<watch_id>& fired) {
  take(by_topic_.find(changed), fired);
  if (changed.kind != topic_kind::kv_key || prefix_lengths_.empty()) return;
  const std::string_view key = changed.key;
  running_hash h;
  size_t hashed = 0;
  std::vector<sought> found; // taken afterwards: that changes the lengths
  for (auto [length, count] : prefix_lengths_) {
    if (length > key.size()) break;
    while (hashed < length) h.put(key[hashed++]);
    const sought prefix{topic_kind::kv_prefix, key.substr(0, length), mixed(topic_kind::kv_prefix, h.so_far())};
    if (by_topic_.contains(prefix)) found.push_back(prefix);
  }
  for (auto& prefix : found) take(by_topic_.find(prefix), fired);
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
  const auto bytes = bytes_of(*changes);
  recent_bytes_ += bytes;
  recent_.push_back({std::move(changes), bytes});
  while (recent_bytes_ > most_recent_bytes) {
    known_from_ = recent_.front().set->index;
    forget_first();
  }
}

} // namespace actord
