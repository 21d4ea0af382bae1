#include "runtime/net/turn_queue.hpp"
#include <utility>

namespace actord::net {

void turn_queue::again(turn_taker* t) {
  if (t->turn_at_ != 0) return;
  t->turn_at_ = before_ + waiting_.size();
  waiting_.push_back(t);
  // A call posted from an event would run behind the events of the same iteration; the one that it posts runs behind those of the next.
  if (!std::exchange(called_, true)) loop_.post([this] { call_in_next_iteration(); });
}

void turn_queue::withdraw(turn_taker* t) {
  if (t->turn_at_ != 0) waiting_[t->turn_at_ - before_] = nullptr;
  t->turn_at_ = 0;
}

void turn_queue::call_in_next_iteration() {
  loop_.post([this] { serve(); });
}

void turn_queue::serve() {
  const auto until = io_loop::clock::now() + budget;
  for (size_t left = waiting_.size(); left > 0; --left) { // nobody twice in an iteration
    turn_taker* t = waiting_.front();
    waiting_.pop_front();
    ++before_;
    if (t == nullptr) continue;
    t->turn_at_ = 0;
    t->on_turn();
    if (io_loop::clock::now() >= until) break;
  }
  called_ = !waiting_.empty();
  if (called_) call_in_next_iteration();
}

} // namespace actord::net
