// What actors note for readers in other threads.
#pragma once
#include <atomic>
#include <cstdint>
#include <limits>

namespace actord {

// What this agent is at the moment, for readers that do not want to send a message. Written by the raft, state and watch
// actors (on a client agent by actors/rpc/client_actor), read by everybody.
struct node_status {
  std::atomic<bool> leader{false};         // we lead, hold the lease, and have applied the no-op of our term
  std::atomic<uint64_t> applied{0};        // the index up to which views show the state
  std::atomic<uint64_t> commit{0};
  std::atomic<uint64_t> term{0};
  // Watches that are set. While there are none, the state actor does not publish changes but notes here up to where it
  // has not; the watch actor fires a new watch at once when its sender looked before that (both sequentially
  // consistent, so one of the two sees the other).
  std::atomic<uint64_t> watchers{0};
  std::atomic<uint64_t> unpublished{0};
  std::atomic<bool> known_leader{false};
  // Until when (steady clock, ns) nobody else can lead: a leader's reads need no question before. max where no other server
  // exists, max - 1 where none votes.
  std::atomic<int64_t> lease_until{0};
  std::atomic<bool> catching_up{false};    // has less than the leader had committed when it was first heard of since the start
  std::atomic<int64_t> leader_heard{0}; // when a leader was last heard of (steady clock, ns); 0: never since the start

  // Does a view that is opened after this call show everything that anybody was told or shown before it? A leader knows
  // while its lease lasts (thesis 6.4.1), once it has applied what it committed: followers may have applied that already.
  // `confirm`: only if no other server exists. `now`: steady clock, ns.
  bool sees_everything(int64_t now, bool confirm) const {
    if (!leader.load(std::memory_order_acquire)) return false;
    const auto until = lease_until.load(std::memory_order_acquire);
    if (until == std::numeric_limits<int64_t>::max()) return true;
    return !confirm && now < until && applied.load(std::memory_order_acquire) >= commit.load(std::memory_order_acquire);
  }
};

} // namespace actord
