// Virtual time: a queue of events that happen in the order of their time, and for one time in the order in which they
// were scheduled. Nothing else moves the clock.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace actord::test {

template <class Event> class virtual_time {
public:
  uint64_t now() const { return now_; }
  void schedule(uint64_t delay, Event e) {
    heap_.push_back({now_ + delay, ++scheduled_, std::move(e)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  // Moves the clock to the next event and takes it. False when there is none at or before `until`; the clock then
  // stands at `until`.
  bool next(uint64_t until, Event& out) {
    if (heap_.empty() || heap_.front().at > until) {
      now_ = std::max(now_, until);
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    now_ = heap_.back().at;
    out = std::move(heap_.back().what);
    heap_.pop_back();
    return true;
  }

private:
  struct slot {
    uint64_t at, number;
    Event what;
  };
  static bool later(const slot& a, const slot& b) { return a.at != b.at ? a.at > b.at : a.number > b.number; }
  std::vector<slot> heap_;
  uint64_t now_ = 0, scheduled_ = 0;
};

} // namespace actord::test
