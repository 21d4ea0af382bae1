#include "runtime/telemetry/log_writer.hpp"
#include "runtime/base/thread_start.hpp"
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>
#include <poll.h>
#include <unistd.h>

namespace actord::telemetry {
namespace {

struct line {
  log::level level;
  std::string text;
  size_t cost() const { return sizeof(line) + text.size(); }
};

constexpr std::chrono::seconds removal_time{5};
constinit std::atomic<size_t> unwritten{0}; // lines, of all writers: what a signal handler can look at

} // namespace

struct log_writer::state {
  const format_fn format;
  const write_fn write;
  std::mutex mutex; // guards the rest; never held while the thread writes
  std::condition_variable wake, written;
  std::deque<line> lines;
  size_t bytes = 0; // of lines and of the one that is being written
  uint64_t dropped = 0; // since it was last said
  bool has_thread = false, ending = false;

  state(format_fn f, write_fn w) : format(std::move(f)), write(std::move(w)) {}

  // Once lines were dropped there is room again when half of it is free: else each line that fits would bring another one that tells of a few.
  bool has_room(size_t cost) const { return bytes == 0 || bytes + cost <= (dropped > 0 ? most_waiting_bytes / 2 : most_waiting_bytes); }

  void push(line l) {
    bytes += l.cost();
    lines.push_back(std::move(l));
    unwritten.fetch_add(1);
  }
  void tell_dropped() {
    if (dropped == 0) return;
    using namespace std::chrono;
    const auto text = fmt::format("lines of the log were dropped, since they were not taken as fast as they came: lines={}", dropped);
    dropped = 0;
    push({log::level::warn, format({log::level::warn, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count(), "agent", text})});
  }

  void run() {
    std::unique_lock hold(mutex);
    for (;;) {
      wake.wait(hold, [this] { return ending || dropped > 0 || !lines.empty(); });
      if (lines.empty()) tell_dropped();
      if (lines.empty()) return;
      const line next = std::move(lines.front());
      lines.pop_front();
      hold.unlock();
      write(next.level, next.text);
      hold.lock();
      bytes -= next.cost();
      unwritten.fetch_sub(1);
      if (bytes == 0) written.notify_all();
    }
  }
};

log_writer::log_writer(const std::string& name, format_fn format, write_fn write) : state_(std::make_shared<state>(std::move(format), std::move(write))) {
  std::lock_guard hold(state_->mutex);
  auto t = start_thread(name, [s = state_] { s->run(); });
  if (!t) return;
  state_->has_thread = true;
  t->detach();
}

log_writer::~log_writer() {
  std::unique_lock hold(state_->mutex);
  state_->ending = true;
  state_->wake.notify_one();
  if (state_->has_thread) state_->written.wait_for(hold, removal_time, [this] { return state_->bytes == 0 && state_->dropped == 0; });
}

void log_writer::put(const log::record& r) { put(r.lvl, state_->format(r)); }

void log_writer::put(log::level l, std::string text) {
  auto& s = *state_;
  std::lock_guard hold(s.mutex);
  if (!s.has_thread) return s.write(l, text);
  line next{l, std::move(text)};
  if (!s.has_room(next.cost())) {
    ++s.dropped;
    return;
  }
  s.tell_dropped();
  s.push(std::move(next));
  s.wake.notify_one();
}

void drain_logs(std::chrono::milliseconds at_most) noexcept {
  for (auto left = at_most.count(); left > 0 && unwritten.load() > 0; --left) {
    timespec turn{0, 1'000'000};
    ::nanosleep(&turn, nullptr);
  }
}

void last_words(std::string_view text) noexcept {
  pollfd to{STDERR_FILENO, POLLOUT, 0};
  constexpr int patience_ms = 100;
  if (::poll(&to, 1, patience_ms) != 1) return;
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, text.data(), text.size());
}

} // namespace actord::telemetry
