// What came to a loop all at once and may be much work together: it is done in the order of coming, for a quarter of a millisecond per
// iteration (one always), so that whoever has an event does not wait for all of it. In the loop's thread.
#pragma once
#include "runtime/net/io_loop.hpp"
#include <deque>
#include <functional>
#include <utility>

namespace actord::net {

template <class T> class portions {
public:
  static constexpr nanos budget = std::chrono::microseconds(250);
  portions(io_loop& loop, std::function<void(T&)> each) : loop_(loop), each_(std::move(each)) {} // outlives the loop's run()
  void put(T item) { waiting_.push_back(std::move(item)); }
  // Does the first portion now, unless something waits already.
  void begin() {
    if (!under_way_) go_on();
  }
  void clear() { waiting_.clear(); }

private:
  void go_on() {
    under_way_ = true;
    const auto until = io_loop::clock::now() + budget;
    while (!waiting_.empty()) {
      T item = std::move(waiting_.front());
      waiting_.pop_front();
      each_(item);
      if (io_loop::clock::now() >= until) break;
    }
    if (waiting_.empty()) under_way_ = false;
    else loop_.post([this] { go_on(); });
  }

  io_loop& loop_;
  std::function<void(T&)> each_;
  std::deque<T> waiting_;
  bool under_way_ = false;
};

} // namespace actord::net
