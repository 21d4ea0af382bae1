#include "runtime/net/turn_queue.hpp"
#include <algorithm>
#include <bit>
#include <utility>

namespace actord::net {

void turn_queue::again(turn_taker* t) {
  if (t->asked_ != 0) return;
  t->asked_ = ++asked_;
  const size_t which = line_of(*t);
  auto& l = lines_[which];
  t->before_ = std::exchange(l.last, t);
  (t->before_ == nullptr ? l.first : t->before_->behind_) = t;
  waiting_[which / 64] |= uint64_t{1} << which % 64;
  // A call posted from an event would run behind the events of the same iteration; the one that it posts runs behind those of the next.
  if (!std::exchange(called_, true)) loop_.post([this] { call_in_next_iteration(); });
}

void turn_queue::withdraw(turn_taker* t) {
  if (t->asked_ == 0) return;
  const size_t which = line_of(*t);
  auto& l = lines_[which];
  (t->before_ == nullptr ? l.first : t->before_->behind_) = t->behind_;
  (t->behind_ == nullptr ? l.last : t->behind_->before_) = t->before_;
  if (l.first == nullptr) waiting_[which / 64] &= ~(uint64_t{1} << which % 64);
  t->before_ = t->behind_ = nullptr;
  t->asked_ = 0;
}

void turn_queue::call_in_next_iteration() {
  loop_.post([this] { serve(); });
}

// The first of the line whose turn it is, of the lines whose first has waited for so long; null: there is none.
turn_taker* turn_queue::next(uint64_t asked_before) {
  for (size_t passed = 0; passed < line_count;) {
    const size_t at = (turn_ + passed) % line_count;
    const uint64_t bits = waiting_[at / 64] >> at % 64;
    const auto skipped = static_cast<size_t>(bits == 0 ? 64 - at % 64 : static_cast<size_t>(std::countr_zero(bits)));
    passed += skipped;
    if (bits == 0 || passed >= line_count) continue;
    turn_taker* t = lines_[(at + skipped) % line_count].first;
    ++passed;
    if (t->asked_ > asked_before) continue;
    turn_ = (at + skipped + 1) % line_count;
    return t;
  }
  return nullptr;
}

void turn_queue::serve() {
  const auto until = io_loop::clock::now() + budget;
  const uint64_t before = as_often_ ? UINT64_MAX : asked_;
  while (turn_taker* t = next(before)) {
    withdraw(t);
    t->on_turn();
    if (io_loop::clock::now() >= until) break;
  }
  called_ = std::any_of(waiting_.begin(), waiting_.end(), [](uint64_t bits) { return bits != 0; });
  if (called_) call_in_next_iteration();
}

} // namespace actord::net
