// In which order members are probed (SWIM, section 4.3): a shuffled list walked from end to end, so that each member's
// turn comes within two walks. Newcomers go to a random place, which may lie behind the present one.
#pragma once
#include "actors/gossip/core/member_table.hpp"

namespace actord::gossip {

class probe_ring {
public:
  void insert(member& m, prng& random);
  // The next one, or null at the end of the walk.
  member* next() { return at_ < order_.size() ? order_[at_++] : nullptr; }
  // Begins the next walk in another order, without those that `gone` names. It calls each of them once.
  template <class Gone> void restart(prng& random, Gone gone) {
    std::erase_if(order_, [&](member* m) { return gone(*m); });
    shuffle(random);
  }
  size_t size() const { return order_.size(); }

private:
  void shuffle(prng& random);
  std::vector<member*> order_;
  size_t at_ = 0;
};

} // namespace actord::gossip
