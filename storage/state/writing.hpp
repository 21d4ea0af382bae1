// What a table needs to carry out one command. Lives on the stack of apply(); one per batch of entries.
#pragma once
#include "storage/model/changes.hpp"
#include "storage/state/tables.hpp"
#include <algorithm>
#include <vector>

namespace actord::state {

struct writing {
  lmdb::transaction& txn;
  const tables& t;
  uint64_t index = 0; // of the entry being applied
  std::vector<topic> topics{};
  std::vector<released_lock> released{};
  // The two indexes that nearly every entry raises are written once per batch.
  uint64_t kvs_index = 0, tombstones_index = 0;
  std::string before{}; // scratch for values that must outlive a write
  std::string touched{}; // whose services this entry touched last; "" once any service has changed since
  uint64_t touched_by = 0;

  void touch(topic_kind kind, std::string key = {}) { topics.push_back({kind, std::move(key)}); }
  void put_common_indexes();
  void raise_index(std::string_view name);
  // Whether touching what `owner` names would change anything: many checks of one entry touch the same, which may be thousands of services.
  bool is_untouched(std::string owner) {
    if (touched_by == index && touched == owner) return false;
    touched_by = index;
    touched = std::move(owner);
    return true;
  }
  // Indexes of one service, as "service.web".
  void raise_service_index(std::string_view service);
};

// Where a nested transaction begins: goes back to it unless kept, so that a refused command leaves no trace.
class attempt {
public:
  explicit attempt(writing& w)
      : w_(w), parent_(std::move(w.txn)), topics_(w.topics.size()), released_(w.released.size()), kvs_(w.kvs_index), tombstones_(w.tombstones_index) {
    try {
      w_.txn = lmdb::transaction::child(parent_);
    } catch (...) {
      w_.txn = std::move(parent_);
      throw;
    }
  }
  void keep() {
    w_.txn.commit();
    kept_ = true;
  }
  ~attempt() {
    if (!kept_) {
      w_.txn.abort();
      w_.topics.resize(topics_);
      w_.released.resize(released_);
      w_.kvs_index = kvs_;
      w_.tombstones_index = tombstones_;
    }
    w_.txn = std::move(parent_);
  }
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;

private:
  writing& w_;
  lmdb::transaction parent_;
  size_t topics_, released_;
  uint64_t kvs_, tombstones_;
  bool kept_ = false;
};

// ---- the index table ---------------------------------------------------------------------------------------------
void put_index(lmdb::transaction& txn, const tables& t, std::string_view name, uint64_t value);
uint64_t get_index(const lmdb::transaction& txn, const tables& t, std::string_view name); // 0 when absent
bool find_index(const lmdb::transaction& txn, const tables& t, std::string_view name, uint64_t& value);

inline void raise_to(uint64_t& index, uint64_t to) { index = std::max(index, to); }

} // namespace actord::state
