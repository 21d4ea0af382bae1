#include "storage/state/read_view_long.hpp"
#include "runtime/base/thread_start.hpp"
#include <algorithm>
#include <iterator>

namespace actord {

void long_reads::start_more(size_t idle, size_t most, size_t& there, void (long_reads::*does)()) {
  if (idle > waiting_.size() || there == most) return;
  auto t = start_thread("long-read", [this, does] { (this->*does)(); });
  if (!t) return;
  threads_.push_back(std::move(*t));
  ++there;
}

bool long_reads::submit(uint64_t source, job j, nanos expected) {
  std::lock_guard hold(mutex_);
  if (stopping_) return false;
  start_more(idle_, most_, few_, &long_reads::run);
  if (few_ == 0) return false;
  if (few_ == most_ && idle_ == 0) start_more(more_idle_, most_more, more_, &long_reads::run_for_idle);
  waiting_.put(source, expected, std::move(j));
  news_.notify_one();
  more_news_.notify_one();
  return true;
}

uint64_t long_reads::soonest(std::span<const uint64_t> sources) {
  std::lock_guard hold(mutex_);
  return waiting_.soonest(sources);
}

void long_reads::take_turn(std::unique_lock<std::mutex>& hold, fair_lines<job>::turn turn, reader& views) {
  const auto began = clock::now();
  const auto here = begun_.insert(began);
  hold.unlock();
  turn.job(views);
  turn.job = nullptr;
  const nanos time = clock::now() - began;
  hold.lock();
  begun_.erase(here);
  waiting_.took(turn.source, turn.charged, time);
}

void long_reads::run() {
  reader views(store_);
  std::unique_lock hold(mutex_);
  for (;;) {
    ++idle_;
    news_.wait(hold, [this] { return stopping_ || waiting_.has(may_take_much()); });
    --idle_;
    if (stopping_) return;
    auto turn = *waiting_.take(may_take_much());
    const bool is_much = turn.is_much;
    if (is_much) ++running_much_;
    take_turn(hold, std::move(turn), views);
    if (!is_much) continue;
    --running_much_;
    news_.notify_one();
  }
}

size_t long_reads::very_long_ones() const {
  return static_cast<size_t>(std::distance(begun_.begin(), begun_.upper_bound(clock::now() - very_long)));
}

// In the place of a thread that is at one job for very long. Only for who has none under way: others have their share.
void long_reads::run_for_idle() {
  reader views(store_);
  std::unique_lock hold(mutex_);
  while (!stopping_) {
    if (more_busy_ < very_long_ones() && waiting_.has_of_idle()) {
      ++more_busy_;
      take_turn(hold, *waiting_.take_of_idle(), views);
      --more_busy_;
      continue;
    }
    ++more_idle_;
    if (waiting_.size() > 0) more_news_.wait_for(hold, very_long / 2);
    else more_news_.wait(hold);
    --more_idle_;
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
  more_news_.notify_all();
  for (auto& t : ending) t.join();
  std::lock_guard hold(mutex_);
  waiting_.clear();
}

} // namespace actord
