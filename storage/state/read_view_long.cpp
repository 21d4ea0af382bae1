#include "storage/state/read_view_long.hpp"
#include "runtime/base/thread_start.hpp"
#include <algorithm>

namespace actord {

bool long_reads::submit(job j, nanos expected) {
  std::lock_guard hold(mutex_);
  if (stopping_) return false;
  if (idle_ <= little_.size() + much_.size() && threads_.size() < most_) {
    auto t = start_thread("long-read", [this] { run(); });
    if (t) threads_.push_back(std::move(*t));
    else if (threads_.empty()) return false;
  }
  (expected < std::chrono::milliseconds(20) ? little_ : much_).push_back(std::move(j));
  news_.notify_one();
  return true;
}

void long_reads::run() {
  reader views(store_);
  std::unique_lock hold(mutex_);
  for (;;) {
    ++idle_;
    news_.wait(hold, [this] { return stopping_ || !little_.empty() || may_take_much(); });
    --idle_;
    if (stopping_) return;
    bool is_much = false;
    auto j = next(is_much);
    hold.unlock();
    j(views);
    j = nullptr;
    hold.lock();
    if (!is_much) continue;
    --running_much_;
    news_.notify_one();
  }
}

// One thread is left for what takes little.
bool long_reads::may_take_much() const { return !much_.empty() && running_much_ < std::max<size_t>(most_, 2) - 1; }

long_reads::job long_reads::next(bool& is_much) {
  constexpr int little_before_much = 4;
  const bool take_little = !little_.empty() && (!may_take_much() || little_in_turn_ < little_before_much);
  little_in_turn_ = take_little ? little_in_turn_ + 1 : 0;
  is_much = !take_little;
  if (is_much) ++running_much_;
  auto& from = take_little ? little_ : much_;
  job j = std::move(from.front());
  from.pop_front();
  return j;
}

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
  little_.clear();
  much_.clear();
}

} // namespace actord
