// One thread's event loop on epoll: descriptors, timers, calls from other threads, and hooks that run at the end of
// every iteration (for batching what an iteration gathered). Whoever calls run() is the loop's thread; everything but
// post(), stop() and in_loop() is called in that thread only, or before run().
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace actord::net {

// A timer that has not fired; 0 is none. Numbers are not reused within a loop's life.
using timer_id = uint64_t;

class io_handler {
public:
  virtual ~io_handler() = default;
  // `events` as epoll gives them. The handler may unwatch and retire itself in here.
  virtual void on_io(uint32_t events) = 0;
};

class io_loop {
public:
  using clock = std::chrono::steady_clock;

  // Makes the epoll and event descriptors; the error names the call that failed.
  static result<std::unique_ptr<io_loop>> make();
  ~io_loop(); // after run() returned; calls that were posted and not run are destroyed
  io_loop(const io_loop&) = delete;
  io_loop& operator=(const io_loop&) = delete;

  // Runs until stop(). Calls posted before stop() are still run.
  void run();
  void stop();                          // any thread
  void post(std::function<void()> call); // any thread; runs in the loop's thread, in the order of posting
  bool in_loop() const { return std::this_thread::get_id() == thread_.load(std::memory_order_relaxed); }

  // Descriptors are the caller's; EPOLL* bits (EPOLLET too). The handler must be unwatched before it dies; events
  // already fetched for it are dropped then.
  status watch(int fd, uint32_t events, io_handler* h);
  status rewatch(int fd, uint32_t events, io_handler* h);
  void unwatch(int fd, io_handler* h);
  // Destroys something at the end of the iteration, when nobody on the stack uses it any more.
  void retire(std::shared_ptr<void> garbage) { garbage_.push_back(std::move(garbage)); }

  // One-shot; late by at most a millisecond plus the iteration.
  timer_id call_after(nanos delay, std::function<void()> call);
  timer_id call_at(clock::time_point when, std::function<void()> call);
  bool cancel(timer_id id); // false when it fired or never was; `id` 0 is allowed

  // Called at the end of every iteration, in the order of adding, for the loop's whole life. A hook that has more to do
  // posts.
  void at_iteration_end(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

  clock::time_point now() const { return now_; } // when this iteration began

private:
  io_loop(int epoll_fd, int wake_fd);
  struct timer_slot {
    clock::time_point when;
    uint32_t generation = 1;
    uint32_t heap_at = none;
    std::function<void()> call;
  };
  static constexpr uint32_t none = ~uint32_t{0};
  int wait_ms() const;
  void dispatch(int count);
  void run_posted();
  void run_timers();
  bool earlier(uint32_t a, uint32_t b) const { return slots_[a].when < slots_[b].when; }
  void place(uint32_t heap_index, uint32_t slot);
  void sift_up(uint32_t i);
  void sift_down(uint32_t i);
  std::function<void()> take_timer(uint32_t slot);

  struct event_batch;
  int epoll_fd_, wake_fd_;
  std::unique_ptr<event_batch> batch_;
  std::atomic<std::thread::id> thread_{};
  std::atomic<bool> stopping_{false};
  clock::time_point now_ = clock::now();
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_; // guarded by posted_mutex_
  std::vector<std::function<void()>> running_;
  std::vector<timer_slot> slots_;
  std::vector<uint32_t> free_slots_, heap_; // heap_ holds slot numbers, the earliest first
  std::vector<std::function<void()>> hooks_;
  std::vector<std::shared_ptr<void>> garbage_;
};

} // namespace actord::net
