#include "actors/gossip/core/broadcast_queue.hpp"
#include <limits>

namespace actord::gossip {

uint64_t broadcast_queue::drop(entries::iterator it) {
  const uint64_t ticket = it->second.ticket;
  if (!it->second.subject.empty()) by_subject_.erase(it->second.subject);
  entries_.erase(it);
  return ticket;
}

uint64_t broadcast_queue::push(message m, size_t size, node_name subject, uint64_t ticket) {
  uint64_t replaced = 0;
  if (!subject.empty()) {
    if (const auto it = by_subject_.find(subject); it != by_subject_.end()) replaced = drop(entries_.find(it->second));
  }
  const place at{0, size, ++numbered_};
  if (!subject.empty()) by_subject_[subject] = at;
  entries_.emplace(at, entry{std::move(m), std::move(subject), ticket});
  return replaced;
}

void broadcast_queue::take(std::vector<message>& out, size_t& budget, size_t each, int limit, size_t parts_max,
                           std::vector<uint64_t>& done) {
  std::vector<entries::node_type> told; // go back only at the end, so that none is taken twice
  while (!entries_.empty() && budget > each && out.size() < parts_max) {
    auto it = entries_.begin();
    // Within those told equally often the first that is no longer than what is left; then those told more often.
    while (it != entries_.end() && it->first.size > budget - each)
      it = entries_.lower_bound({it->first.sent, budget - each, std::numeric_limits<uint64_t>::max()});
    if (it == entries_.end()) break;
    budget -= it->first.size + each;
    out.push_back(it->second.what);
    if (it->first.sent + 1 >= limit) {
      if (const uint64_t ticket = drop(it); ticket != 0) done.push_back(ticket);
      continue;
    }
    auto node = entries_.extract(it);
    ++node.key().sent;
    told.push_back(std::move(node));
  }
  for (auto& node : told) {
    if (!node.mapped().subject.empty()) by_subject_[node.mapped().subject] = node.key();
    entries_.insert(std::move(node));
  }
}

void broadcast_queue::trim(size_t most, std::vector<uint64_t>& done) {
  while (entries_.size() > most) {
    if (const uint64_t ticket = drop(std::prev(entries_.end())); ticket != 0) done.push_back(ticket);
  }
}

} // namespace actord::gossip
