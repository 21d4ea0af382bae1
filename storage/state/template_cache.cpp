#include "storage/state/template_cache.hpp"

namespace actord::state {

std::optional<compiled_template> template_cache::find(std::string_view id, std::string_view record) {
  std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second->record != record) return {};
  by_use_.splice(by_use_.begin(), by_use_, it->second);
  return it->second->compiled;
}

void template_cache::keep(std::string_view id, std::string_view record, const compiled_template& t) {
  std::lock_guard lock(mutex_);
  if (const auto it = by_id_.find(id); it != by_id_.end()) drop(it->second);
  by_use_.push_front({std::string(id), std::string(record), t});
  by_id_.emplace(by_use_.front().id, by_use_.begin());
  weight_ += by_use_.front().weight();
  while (weight_ > most_) drop(std::prev(by_use_.end()));
}

size_t template_cache::weight() const {
  std::lock_guard lock(mutex_);
  return weight_;
}

void template_cache::drop(place p) {
  weight_ -= p->weight();
  by_id_.erase(p->id);
  by_use_.erase(p);
}

} // namespace actord::state
