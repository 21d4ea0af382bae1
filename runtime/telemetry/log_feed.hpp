// The log as it is written, for who listens to it (/v1/agent/monitor): a line is formatted once, however many listen, and kept for a while. Who
// listens takes what came since the last time; who is too slow for that misses lines and is told how many. Nobody holds up who logs.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/log.hpp"
#include <memory>
#include <string>

namespace actord::telemetry {

// All of the process; and lines that are kept, of a level and form, for who has not yet taken them.
constexpr size_t most_log_listeners = 64, most_kept_lines = 1024, most_kept_bytes = 1 << 20;

class log_feed {
public:
  // Records of at least `minimum` from now on. errc::rate_limited: too many listen already.
  static result<std::unique_ptr<log_feed>> open(log::level minimum, bool json);
  ~log_feed();
  log_feed(const log_feed&) = delete;
  log_feed& operator=(const log_feed&) = delete;

  // The lines that came since the last time, each with its newline; where some are missing, a line that says how many.
  std::string take();

private:
  struct channel;
  struct hub;
  explicit log_feed(std::shared_ptr<channel> from);
  std::shared_ptr<channel> from_;
  uint64_t next_;
};

} // namespace actord::telemetry
