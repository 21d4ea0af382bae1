// A network between N numbered ends that delays, reorders (through unequal delays), loses, duplicates and partitions.
// It carries nothing itself: plan() says when copies of a message arrive, and the caller schedules them.
#pragma once
#include "runtime/base/prng.hpp"
#include <array>
#include <cstddef>
#include <vector>

namespace actord::test {

struct network_faults {
  double loss = 0, duplicate = 0;
  uint64_t delay_min = 1, delay_max = 3; // in units of virtual time
  double straggler = 0;                  // share of messages that take up to ten times delay_max
};

class virtual_network {
public:
  virtual_network(size_t ends, network_faults faults, prng random)
      : ends_(ends), faults_(faults), random_(random), blocked_(ends * ends, 0) {}

  struct arrivals {
    size_t count = 0;
    std::array<uint64_t, 2> delay{};
  };
  arrivals plan(size_t from, size_t to) {
    arrivals a;
    if (blocked_[from * ends_ + to] > 0 || random_.chance(faults_.loss)) return a;
    a.count = random_.chance(faults_.duplicate) ? 2 : 1;
    for (size_t i = 0; i < a.count; ++i) a.delay[i] = delay();
    return a;
  }
  // Messages that are under way when a link is cut still arrive, as they may in a real network.
  void cut(size_t from, size_t to) { ++blocked_[from * ends_ + to]; }
  void mend(size_t from, size_t to) { --blocked_[from * ends_ + to]; }
  bool is_cut(size_t from, size_t to) const { return blocked_[from * ends_ + to] > 0; }
  void heal(network_faults calm) {
    std::fill(blocked_.begin(), blocked_.end(), 0);
    faults_ = calm;
  }

private:
  uint64_t delay() {
    uint64_t d = random_.between(faults_.delay_min, faults_.delay_max);
    if (faults_.straggler > 0 && random_.chance(faults_.straggler)) d *= random_.between(2, 10);
    return d;
  }
  size_t ends_;
  network_faults faults_;
  prng random_;
  std::vector<int> blocked_; // how many partitions cut the link from * ends_ + to
};

} // namespace actord::test
