// Lines on their way to where they are written, which may stand still: a pipe that nobody reads, a file system that hangs. A thread writes them;
// whoever logs leaves them here and never waits. Beyond the bound lines are dropped, and one in their place says how many.
#pragma once
#include "runtime/base/log.hpp"
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace actord::telemetry {

constexpr size_t most_waiting_bytes = 4 << 20; // of a writer's lines, with what keeping them takes

class log_writer {
public:
  using format_fn = std::function<std::string(const log::record&)>;
  using write_fn = std::function<void(log::level, const std::string&)>;
  // `name` is its thread's. Without a thread (their number is limited) whoever logs calls `write`.
  log_writer(const std::string& name, format_fn format, write_fn write);
  // Waits for what is not yet written, five seconds at most; a thread that is stuck ends when it can.
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  void put(const log::record& r);
  void put(log::level l, std::string text); // as it is

private:
  struct state;
  std::shared_ptr<state> state_;
};

// Before the process ends: waits until all writers have written what they were given, or for so long. A signal handler may call it, as it may last_words().
constexpr std::chrono::milliseconds drain_time{1000};
void drain_logs(std::chrono::milliseconds at_most = drain_time) noexcept;
// To standard error, if somebody reads it.
void last_words(std::string_view text) noexcept;

} // namespace actord::telemetry
