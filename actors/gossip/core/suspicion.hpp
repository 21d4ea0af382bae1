// One suspicion: how long its subject still has to refute it (Lifeguard, section IV-B). It begins with the most time when
// others can confirm it, and each independent confirmation shortens that, logarithmically, down to the least.
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/duration.hpp"

namespace actord::gossip {

class suspicion {
public:
  // `confirmations`: how many bring the time from `max` to `min`; with 0 it is `min` from the start.
  suspicion(node_name accuser, int confirmations, nanos min, nanos max, nanos now);
  // True when `from` is news: neither the accuser, nor counted before, nor beyond what is needed.
  bool confirm(const node_name& from);
  nanos deadline() const { return started_ + timeout_; }
  nanos started() const { return started_; }
  size_t confirmed() const { return from_.size() - 1; }
  // Time in which the own process did not run does not count.
  void postpone(nanos by) { started_ += by; }

private:
  std::vector<node_name> from_; // the accuser first; at most confirmations + 1
  size_t wanted_;
  nanos min_, max_, started_, timeout_;
};

} // namespace actord::gossip
