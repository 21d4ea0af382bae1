#include "api/http/answer_cache.hpp"

namespace actord::http {

std::shared_ptr<encoded_answer> answer_cache::find(const std::string& key, uint64_t index) {
  auto it = by_key_.find(key);
  if (it == by_key_.end() || it->second->index != index) return nullptr;
  used_.splice(used_.begin(), used_, it->second);
  auto answer = it->second->answer;
  charge(*it->second); // other forms may have been made since
  evict();
  return answer;
}

void answer_cache::put(const std::string& key, uint64_t index, std::shared_ptr<encoded_answer> a) {
  if (a->bytes() > max_bytes_ / 4) return;
  if (auto it = by_key_.find(key); it != by_key_.end()) {
    used_.splice(used_.begin(), used_, it->second);
    it->second->index = index;
    it->second->answer = std::move(a);
    charge(*it->second);
  } else {
    used_.push_front({key, index, std::move(a), 0});
    by_key_.emplace(used_.front().key, used_.begin());
    charge(used_.front());
  }
  evict();
}

void answer_cache::charge(entry& e) {
  size_t now = e.answer->bytes() + e.key.size() + 256;
  bytes_ += now - e.charged;
  e.charged = now;
}

void answer_cache::evict() {
  while (bytes_ > max_bytes_ && !used_.empty()) {
    bytes_ -= used_.back().charged;
    by_key_.erase(used_.back().key);
    used_.pop_back();
  }
}

} // namespace actord::http
