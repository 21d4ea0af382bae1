#include "actors/gossip/core/probe_ring.hpp"
#include <utility>

namespace actord::gossip {

void probe_ring::insert(member& m, prng& random) {
  order_.push_back(&m);
  std::swap(order_[random.below(order_.size())], order_.back());
}

void probe_ring::shuffle(prng& random) {
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  at_ = 0;
}

} // namespace actord::gossip
