// Threads for reads that take long, so that the other clients of a loop do not wait for them: none until the first such read, then
// few. Each has a reader of its own. Shared by the loops of a server. No read is interrupted: while some take very long, as many more threads serve
// those who have none under way.
#pragma once
#include "runtime/base/duration.hpp"
#include "storage/state/fair_lines.hpp"
#include "storage/state/read_view.hpp"
#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace actord {

// Which reads took long the last time, by a hash of what was asked, however its asker spelled that; 0 never does. Direct mapped: one that is forgotten is tried once more.
class long_memory {
public:
  bool takes_long(uint64_t what) const { return what != 0 && kept_[what % kept_.size()].what == what; }
  void took(uint64_t what, nanos time) {
    if (what == 0) return;
    auto& kept = kept_[what % kept_.size()];
    if (time >= std::chrono::milliseconds(1)) kept = {what, time};
    else if (kept.what == what && time < std::chrono::microseconds(500)) kept = {};
  }
  // As long as the last time; zero when it is not known.
  nanos expected(uint64_t what) const {
    const auto& kept = kept_[what % kept_.size()];
    return takes_long(what) && kept.time < std::chrono::hours(1) ? kept.time : nanos{0};
  }

private:
  struct memory {
    uint64_t what = 0;
    nanos time{0};
  };
  std::array<memory, 256> kept_{};
};

// A read made while others wait for the thread: one that finds that it has much to do stops, and is made again where nobody waits.
class bounded_read {
public:
  explicit bounded_read(bool on) : on_(on), outer_(std::exchange(here(), this)) {}
  ~bounded_read() { here() = outer_; }
  bounded_read(const bounded_read&) = delete;
  bounded_read& operator=(const bounded_read&) = delete;
  bool gave_up() const { return gave_up_; }

  // For who reads rows: whether this thread's read is one, whether it is to stop after so many of a key's weight, or of a whole record's, and
  // whether it has stopped: then nothing that it found is looked at.
  static bool on() { return here() != nullptr && here()->on_; }
  static bool stops_at(size_t rows, size_t bytes) { return on() && here()->stop(rows, bytes); }
  static bool stops_at_records(size_t records) { return stops_at(records * 4, 0); }
  static bool stopped() { return on() && here()->gave_up_; }
  // Whether a record of so many bytes is to be decoded, or copied, as well: few records may be much. After false anything may stand for it.
  static bool may_load(size_t bytes) { return !on() || !here()->stop(0, here()->loaded_ += bytes); }
  static size_t loaded() { return on() ? here()->loaded_ : 0; } // bytes so far

private:
  bool stop(size_t rows, size_t bytes) { return gave_up_ = gave_up_ || rows > 2000 || bytes > (512 << 10); }
  static bounded_read*& here() {
    thread_local bounded_read* of_thread = nullptr;
    return of_thread;
  }
  bool on_, gave_up_ = false;
  size_t loaded_ = 0;
  bounded_read* outer_;
};

class long_reads {
public:
  using job = std::function<void(reader&)>;
  // Without a store (on a client agent) its readers show nothing.
  long_reads(state_store* store, size_t most_threads) : store_(store), most_(most_threads) {}
  ~long_reads() { stop(); }
  // Of a source (a hash of the client's household, say; 0: this process itself): sources take turns by the time that their jobs take (fair_lines),
  // each with its own in the order of asking, but what takes little before what takes much. False when there is no thread and none can be made:
  // the caller does it itself.
  bool submit(uint64_t source, job j, nanos expected = nanos{0}); // any thread
  // Of those who wait for the same thing, as whose job it would be done first; one at least.
  uint64_t soonest(std::span<const uint64_t> sources); // any thread
  // Waits for the jobs under way; those that have not begun are dropped.
  void stop();

private:
  using clock = std::chrono::steady_clock;
  static constexpr auto very_long = std::chrono::milliseconds(100);
  static constexpr size_t most_more = 4; // threads

  void start_more(size_t idle, size_t most, size_t& there, void (long_reads::*does)());
  void run();
  void run_for_idle();
  void take_turn(std::unique_lock<std::mutex>& hold, fair_lines<job>::turn turn, reader& views);
  size_t very_long_ones() const; // the lock is held
  state_store* store_;
  const size_t most_;
  std::mutex mutex_; // of all below
  std::condition_variable news_;
  bool may_take_much() const; // the lock is held
  fair_lines<job> waiting_;
  size_t running_much_ = 0;
  std::multiset<clock::time_point> begun_; // jobs that are under way
  std::vector<std::thread> threads_;
  size_t few_ = 0, idle_ = 0;                       // threads, and how many of them wait
  size_t more_ = 0, more_idle_ = 0, more_busy_ = 0; // of those beyond
  std::condition_variable more_news_;
  bool stopping_ = false;
};

} // namespace actord
