#include "actors/peers/core/outbox.hpp"
#include <algorithm>

namespace actord::peer {

bool outbox::has_room(lane l, size_t size) const {
  const auto i = static_cast<size_t>(l);
  return bytes_[i] == 0 || bytes_[i] + size <= limits_.bytes[i];
}

uint64_t outbox::push(lane l, std::string frame) {
  const auto i = static_cast<size_t>(l);
  if (frame.empty() || !has_room(l, frame.size())) return 0;
  bytes_[i] += frame.size();
  lanes_[i].push_back({++next_ticket_, std::move(frame)});
  return next_ticket_;
}

bool outbox::cancel(lane l, uint64_t ticket) {
  const auto i = static_cast<size_t>(l);
  auto& queue = lanes_[i];
  auto at = std::lower_bound(queue.begin(), queue.end(), ticket, [](const waiting& w, uint64_t t) { return w.ticket < t; });
  if (at == queue.end() || at->ticket != ticket) return false;
  bytes_[i] -= at->frame.size();
  queue.erase(at);
  return true;
}

std::string outbox::pop() {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].empty()) continue;
    std::string frame = std::move(lanes_[i].front().frame);
    lanes_[i].pop_front();
    bytes_[i] -= frame.size();
    return frame;
  }
  return {};
}

} // namespace actord::peer
