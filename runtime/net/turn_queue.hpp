// Turns for handlers of a loop that have more to do than one of its iterations has room for: whoever has used up his turn asks for
// another. All who wait are served in the order of asking, once per iteration and for no longer than `budget` together (one always), so
// that however many ask, who has an event waits no longer for them than that. In the loop's thread.
#pragma once
#include "runtime/net/io_loop.hpp"
#include <deque>

namespace actord::net {

class turn_taker {
public:
  virtual ~turn_taker() = default;
  virtual void on_turn() = 0; // it may withdraw itself and others, and ask again
  bool waits_for_turn() const { return turn_at_ != 0; }

private:
  friend class turn_queue;
  uint64_t turn_at_ = 0; // place in the queue, counted from its start; 0: not in it
};

class turn_queue {
public:
  static constexpr nanos budget = std::chrono::microseconds(250);
  explicit turn_queue(io_loop& loop) : loop_(loop) {} // outlives the loop's run()
  // on_turn() is called in a later iteration. Asking twice is asking once. Whoever dies withdraws before.
  void again(turn_taker* t);
  void withdraw(turn_taker* t);

private:
  void call_in_next_iteration();
  void serve();
  io_loop& loop_;
  std::deque<turn_taker*> waiting_; // null: withdrawn
  uint64_t before_ = 1;             // place of the first of them
  bool called_ = false;
};

} // namespace actord::net
