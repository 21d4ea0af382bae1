// Who waits for which topics. Pure; owned by the watch actor. A watch fires once and is then forgotten.
//
// A watcher looked at the state at index `seen` and its message arrives later: the table keeps the last change sets so
// that a change in between is found exactly, and only a watcher from before those is woken on suspicion.
#pragma once
#include "storage/model/changes.hpp"
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace actord {

using watch_id = uint64_t; // the table's own number, never 0

class watch_table {
public:
  // 0 when the watch is due at once: one of its topics changed after `seen`, or that cannot be known any more.
  watch_id add(const std::vector<topic>& topics, raft_index seen);
  void remove(watch_id id);
  // Changes up to `index` were not published (nobody was waiting): watchers from before it are due at once.
  void skip_to(raft_index index);
  // Appends the watches that are due to `fired` and forgets them.
  void publish(std::shared_ptr<const change_set> changes, std::vector<watch_id>& fired);
  size_t size() const { return watches_.size(); }

private:
  struct hash {
    size_t operator()(const topic& t) const noexcept { return std::hash<std::string>{}(t.key) * 31 + static_cast<size_t>(t.kind); }
  };
  bool changed_since(const std::vector<topic>& topics, raft_index seen) const;
  static bool touches(const topic& changed, const topic& wanted);
  void collect(const topic& changed, std::vector<watch_id>& fired);
  void take(const topic& t, std::vector<watch_id>& fired);
  void drop_from_index(watch_id id, const topic& t);

  std::unordered_map<watch_id, std::vector<topic>> watches_;
  std::unordered_map<topic, std::vector<watch_id>, hash> by_topic_;
  std::vector<std::pair<size_t, size_t>> prefix_lengths_; // length → distinct prefixes of it that are waited for
  std::deque<std::shared_ptr<const change_set>> recent_;
  size_t recent_topics_ = 0;
  raft_index known_from_; // changes after this index are in recent_
  watch_id next_ = 1;
};

} // namespace actord
