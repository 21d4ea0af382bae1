// Answers that stay right while their index does, encoded: one per loop, bounded in bytes, least recently used out
// first. The caller checks the index against its view.
#pragma once
#include "api/http/encoded_answer.hpp"
#include "runtime/base/text_hash.hpp"
#include <list>
#include <unordered_map>

namespace actord::http {

class answer_cache {
public:
  explicit answer_cache(size_t max_bytes) : max_bytes_(max_bytes) {}
  // Null unless there is an answer for that index.
  std::shared_ptr<encoded_answer> find(const std::string& key, uint64_t index);
  void put(const std::string& key, uint64_t index, std::shared_ptr<encoded_answer> a);

private:
  struct entry {
    std::string key;
    uint64_t index;
    std::shared_ptr<encoded_answer> answer;
    size_t charged;
  };
  void charge(entry& e);
  void evict();
  size_t max_bytes_, bytes_ = 0;
  std::list<entry> used_; // the most recent first
  std::unordered_map<std::string_view, std::list<entry>::iterator, text_hash> by_key_;
};

} // namespace actord::http
