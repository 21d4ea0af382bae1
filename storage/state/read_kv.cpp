#include "storage/state/kv_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

using state::raise_to;

namespace {
void wait_for(query_meta& meta, topic_kind kind, std::string_view key) {
  if (meta.topics) meta.topics->push_back({kind, std::string(key)});
}
} // namespace

bool read_view::kv_get(std::string_view key, kv_entry& out, query_meta& meta) const {
  wait_for(meta, topic_kind::kv_key, key);
  return guarded(impl_, [&](auto& txn, auto& t) {
    state::kv_view e;
    if (!state::kv_find(txn, t, key, e)) {
      raise_to(meta.index, state::kv_table_index(txn, t));
      return false;
    }
    raise_to(meta.index, e.modify_index);
    state::to_entry(key, e, out);
    return true;
  });
}

namespace {

// Every entry under the prefix and Consul's index for the list: the newest change or deletion under it, else the table's.
template <class F> void walk(const lmdb::transaction& txn, const state::tables& t, std::string_view prefix, query_meta& meta, F&& f) {
  uint64_t newest = 0;
  bool wanted = true;
  lmdb::scan(txn, t.kvs, prefix, [&](std::string_view key, std::string_view bytes) {
    state::kv_view e;
    if (!state::decode_kv(bytes, e)) lmdb::raise_corrupt("a key/value entry");
    raise_to(newest, e.modify_index);
    // A caller that has enough still gets the index of the whole list.
    if (wanted) wanted = f(key, e);
    return wanted || !bounded_read::stopped();
  });
  if (bounded_read::stopped()) return;
  if (prefix.empty()) newest = 0;
  else raise_to(newest, state::kv_newest_tombstone(txn, t, prefix));
  raise_to(meta.index, newest != 0 ? newest : state::kv_table_index(txn, t));
}

} // namespace

void read_view::kv_list(std::string_view prefix, query_meta& meta, const std::function<bool(const kv_entry&)>& f) const {
  wait_for(meta, topic_kind::kv_prefix, prefix);
  guarded(impl_, [&](auto& txn, auto& t) {
    kv_entry entry;
    walk(txn, t, prefix, meta, [&](std::string_view key, const state::kv_view& e) {
      if (!bounded_read::may_load(key.size() + e.value.size())) return false;
      state::to_entry(key, e, entry);
      return f(entry);
    });
  });
}

std::vector<std::string> read_view::kv_keys(std::string_view prefix, std::string_view separator, query_meta& meta) const {
  wait_for(meta, topic_kind::kv_prefix, prefix);
  return guarded(impl_, [&](auto& txn, auto& t) {
    std::vector<std::string> keys;
    walk(txn, t, prefix, meta, [&](std::string_view key, const state::kv_view&) {
      auto shown = key;
      if (!separator.empty()) {
        auto at = key.find(separator, prefix.size());
        if (at != key.npos) shown = key.substr(0, at + separator.size());
      }
      if (keys.empty() || keys.back() != shown) keys.emplace_back(shown);
      return true;
    });
    return keys;
  });
}

uint64_t read_view::kv_key_index(std::string_view key) const {
  return guarded(impl_, [&](auto& txn, auto& t) {
    state::kv_view e;
    return state::kv_find(txn, t, key, e) ? e.modify_index : state::kv_table_index(txn, t);
  });
}

} // namespace actord
