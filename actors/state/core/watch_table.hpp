// Who waits for which topics. Pure; owned by the watch actor. A watch fires once and is then forgotten.
//
// A watcher looked at the state at index `seen` and its message arrives later: the table keeps the last change sets so
// that a change in between is found exactly, and only a watcher from before those is woken on suspicion.
//
// However many wait for one topic, and whatever they wait for: adding and removing take a constant time, a changed key one that is linear in its length
// and in how many lengths of prefixes are waited for.
#pragma once
#include "runtime/base/text_hash.hpp"
#include "storage/model/changes.hpp"
#include <deque>
#include <map>
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
  size_t remembered_bytes() const { return recent_bytes_; }

private:
  // A topic without a text of its own, whose hash is known.
  struct sought {
    topic_kind kind;
    std::string_view key;
    size_t hash;
  };
  static size_t mixed(topic_kind kind, size_t of_key) { return of_key + static_cast<size_t>(kind) * 0x9e3779b97f4a7c15u; }
  struct hash { // not noexcept: libstdc++ keeps in the table what such a hash gave, and keys may be long
    using is_transparent = void;
    size_t operator()(const topic& t) const {
      running_hash h;
      for (char c : t.key) h.put(c);
      return mixed(t.kind, h.so_far());
    }
    size_t operator()(const sought& s) const { return s.hash; }
  };
  struct same {
    using is_transparent = void;
    bool operator()(const topic& a, const topic& b) const { return a == b; }
    bool operator()(const sought& a, const topic& b) const { return a.kind == b.kind && a.key == b.key; }
    bool operator()(const topic& a, const sought& b) const { return (*this)(b, a); }
  };
  struct waiting {
    std::vector<watch_id> ids; // with some that were removed
    size_t removed = 0;        // how many of them, at most half
  };
  using places = std::unordered_map<topic, waiting, hash, same>;
  bool changed_since(const std::vector<topic>& topics, raft_index seen) const;
  static bool touches(const topic& changed, const topic& wanted);
  void collect(const topic& changed, std::vector<watch_id>& fired);
  void take(places::iterator at, std::vector<watch_id>& fired);
  void drop_from_index(const topic& t);
  void forget_length(const topic& t);

  std::unordered_map<watch_id, std::vector<topic>> watches_; // each topic once
  places by_topic_;
  std::map<size_t, size_t> prefix_lengths_; // length → distinct prefixes of it that are waited for
  struct remembered {
    std::shared_ptr<const change_set> set;
    size_t bytes; // with its names, which whoever writes chooses
  };
  void forget_first();
  std::deque<remembered> recent_;
  size_t recent_bytes_ = 0;
  raft_index known_from_; // changes after this index are in recent_
  watch_id next_ = 1;
};

} // namespace actord
