#include "runtime/net/io_loop.hpp"
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace actord::net {

struct io_loop::event_batch {
  std::array<epoll_event, 512> events;
  int next = 0, count = 0; // events [next, count) are still to be dispatched
};

namespace {
constexpr size_t timers_at_once = 256; // due together, say ten thousand waits that end: then others have their turn

error syscall_error(const char* what) { return {errc::internal, std::string(what) + ": " + std::strerror(errno)}; }
} // namespace

result<std::unique_ptr<io_loop>> io_loop::make() {
  int ep = ::epoll_create1(EPOLL_CLOEXEC);
  if (ep < 0) return syscall_error("epoll_create1");
  int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake < 0) {
    error e = syscall_error("eventfd");
    ::close(ep);
    return e;
  }
  std::unique_ptr<io_loop> loop(new io_loop(ep, wake));
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.ptr = nullptr;
  if (::epoll_ctl(ep, EPOLL_CTL_ADD, wake, &ev) != 0) return syscall_error("epoll_ctl");
  return loop;
}

io_loop::io_loop(int epoll_fd, int wake_fd) : epoll_fd_(epoll_fd), wake_fd_(wake_fd), batch_(new event_batch) {}

io_loop::~io_loop() {
  ::close(epoll_fd_);
  ::close(wake_fd_);
}

status io_loop::watch(int fd, uint32_t events, io_handler* h) {
  epoll_event ev{};
  ev.events = events;
  ev.data.ptr = h;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &ev) != 0) return syscall_error("epoll_ctl");
  return {};
}

status io_loop::rewatch(int fd, uint32_t events, io_handler* h) {
  epoll_event ev{};
  ev.events = events;
  ev.data.ptr = h;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &ev) != 0) return syscall_error("epoll_ctl");
  return {};
}

void io_loop::unwatch(int fd, io_handler* h) {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = batch_->next; i < batch_->count; ++i)
    if (batch_->events[i].data.ptr == h) batch_->events[i].events = 0;
}

void io_loop::post(std::function<void()> call) {
  bool first;
  {
    std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(call));
  }
  // Whoever finds the queue empty wakes the loop; it takes the whole queue at once.
  if (first && !in_loop()) {
    uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(wake_fd_, &one, sizeof one);
  }
}

void io_loop::stop() {
  stopping_.store(true, std::memory_order_release);
  uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(wake_fd_, &one, sizeof one);
}

void io_loop::run() {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  bool last = false;
  while (!last) {
    last = stopping_.load(std::memory_order_acquire);
    int n = ::epoll_wait(epoll_fd_, batch_->events.data(), static_cast<int>(batch_->events.size()), last ? 0 : wait_ms());
    now_ = clock::now();
    dispatch(n);
    run_posted();
    run_timers();
    for (auto& hook : hooks_) hook();
    garbage_.clear();
  }
  thread_.store(std::thread::id{}, std::memory_order_relaxed);
}

void io_loop::dispatch(int count) {
  batch_->count = count < 0 ? 0 : count;
  for (batch_->next = 0; batch_->next < batch_->count;) {
    epoll_event& ev = batch_->events[batch_->next++];
    if (ev.data.ptr == nullptr) {
      uint64_t drained;
      [[maybe_unused]] auto n = ::read(wake_fd_, &drained, sizeof drained);
    } else if (ev.events != 0) {
      static_cast<io_handler*>(ev.data.ptr)->on_io(ev.events);
    }
  }
  batch_->next = batch_->count = 0;
}

void io_loop::run_posted() {
  {
    std::lock_guard lock(posted_mutex_);
    running_.swap(posted_);
  }
  for (auto& call : running_) {
    call();
    call = nullptr;
  }
  running_.clear();
}

int io_loop::wait_ms() const {
  {
    // What a call posted from within the loop did not wake us for.
    std::lock_guard lock(const_cast<std::mutex&>(posted_mutex_));
    if (!posted_.empty()) return 0;
  }
  if (heap_.empty()) return -1;
  auto left = slots_[heap_[0]].when - clock::now();
  if (left <= left.zero()) return 0;
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1; // rounded up: never early
  return ms > 3600000 ? 3600000 : static_cast<int>(ms);
}

// ---- timers: a binary heap of slot numbers in which every slot knows its place, so that cancel is O(log n) ----

timer_id io_loop::call_after(nanos delay, std::function<void()> call) { return call_at(clock::now() + delay, std::move(call)); }

timer_id io_loop::call_at(clock::time_point when, std::function<void()> call) {
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].when = when;
  slots_[slot].call = std::move(call);
  heap_.push_back(slot);
  slots_[slot].heap_at = static_cast<uint32_t>(heap_.size() - 1);
  sift_up(slots_[slot].heap_at);
  return (static_cast<uint64_t>(slots_[slot].generation) << 32) | slot;
}

bool io_loop::cancel(timer_id id) {
  auto slot = static_cast<uint32_t>(id);
  if (id == 0 || slot >= slots_.size() || slots_[slot].generation != id >> 32 || slots_[slot].heap_at == none) return false;
  take_timer(slot);
  return true;
}

std::function<void()> io_loop::take_timer(uint32_t slot) {
  uint32_t hole = slots_[slot].heap_at;
  uint32_t moved = heap_.back();
  heap_.pop_back();
  if (moved != slot) {
    place(hole, moved);
    sift_up(hole);
    sift_down(slots_[moved].heap_at);
  }
  slots_[slot].heap_at = none;
  ++slots_[slot].generation;
  auto call = std::move(slots_[slot].call);
  slots_[slot].call = nullptr;
  free_slots_.push_back(slot);
  return call;
}

void io_loop::run_timers() {
  // Timers that the calls set anew wait for the next iteration, so that a zero delay cannot starve the descriptors.
  const auto due = now_;
  for (size_t n = 0; n < timers_at_once && !heap_.empty() && slots_[heap_[0]].when <= due; ++n) {
    auto call = take_timer(heap_[0]);
    call();
  }
}

void io_loop::place(uint32_t heap_index, uint32_t slot) {
  heap_[heap_index] = slot;
  slots_[slot].heap_at = heap_index;
}

void io_loop::sift_up(uint32_t i) {
  uint32_t slot = heap_[i];
  while (i > 0) {
    uint32_t parent = (i - 1) / 2;
    if (!earlier(slot, heap_[parent])) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, slot);
}

void io_loop::sift_down(uint32_t i) {
  uint32_t slot = heap_[i];
  const auto size = static_cast<uint32_t>(heap_.size());
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= size) break;
    if (child + 1 < size && earlier(heap_[child + 1], heap_[child])) ++child;
    if (!earlier(heap_[child], slot)) break;
    place(i, heap_[child]);
    i = child;
  }
  place(i, slot);
}

} // namespace actord::net
