// Templates of prepared queries as they were compiled for who asked before: those that were asked for last, up to a bound of memory. Shared by
// all readers of a store.
#pragma once
#include "runtime/base/text_hash.hpp"
#include "storage/command/query_rules.hpp"
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace actord::state {

class template_cache {
public:
  explicit template_cache(size_t most_weight = 8 << 20) : most_(most_weight) {}
  // Of this record: another one under the same id is not found. Any thread.
  std::optional<compiled_template> find(std::string_view id, std::string_view record);
  void keep(std::string_view id, std::string_view record, const compiled_template& t);
  size_t weight() const; // bytes of memory, about

private:
  struct entry {
    std::string id, record;
    compiled_template compiled;
    size_t weight() const { return 2 * record.size() + compiled.weight(); }
  };
  using place = std::list<entry>::iterator;
  void drop(place p); // the lock is held

  const size_t most_;
  mutable std::mutex mutex_; // of all below
  std::list<entry> by_use_; // the last one first
  std::unordered_map<std::string_view, place, text_hash> by_id_; // views of the entries
  size_t weight_ = 0;
};

} // namespace actord::state
