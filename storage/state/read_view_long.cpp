#include "storage/state/read_view_long.hpp"
#include "runtime/base/thread_start.hpp"
#include <algorithm>

namespace actord {

bool long_reads::submit(uint64_t source, job j, nanos expected) {
  std::lock_guard hold(mutex_);
  if (stopping_) return false;
  if (idle_ <= waiting_.size() && threads_.size() < most_) {
    auto t = start_thread("long-read", [this] { run(); });
    if (t) threads_.push_back(std::move(*t));
    else if (threads_.empty()) return false;
  }
  waiting_.put(source, expected, std::move(j));
  news_.notify_one();
  return true;
}

uint64_t long_reads::soonest(std::span<const uint64_t> sources) {
  std::lock_guard hold(mutex_);
  return waiting_.soonest(sources);
}

void long_reads::run() {
  using clock = std::chrono::steady_clock;
  reader views(store_);
  std::unique_lock hold(mutex_);
  for (;;) {
    ++idle_;
    news_.wait(hold, [this] { return stopping_ || waiting_.has(may_take_much()); });
    --idle_;
    if (stopping_) return;
    auto turn = waiting_.take(may_take_much());
    if (turn->is_much) ++running_much_;
    hold.unlock();
    const auto began = clock::now();
    turn->job(views);
    turn->job = nullptr;
    const nanos time = clock::now() - began;
    hold.lock();
    waiting_.took(turn->source, turn->charged, time);
    if (!turn->is_much) continue;
    --running_much_;
    news_.notify_one();
  }
}

// One thread is left for what takes little.
bool long_reads::may_take_much() const { return running_much_ < std::max<size_t>(most_, 2) - 1; }

void long_reads::stop() {
  std::vector<std::thread> ending;
  {
    std::lock_guard hold(mutex_);
    stopping_ = true;
    ending.swap(threads_);
  }
  news_.notify_all();
  for (auto& t : ending) t.join();
  std::lock_guard hold(mutex_);
  waiting_.clear();
}

} // namespace actord
