// The signals of the process and other reasons to stop, as one stream of events for main's thread.
#pragma once
#include "runtime/base/error.hpp"
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace actord {

enum class node_event { hangup, interrupt, terminate, dump, ignored, leave, gave_up, died, state_damaged, log_damaged, database_lost }; // dump: SIGUSR1, ignored: SIGUSR2

class event_source {
public:
  // Blocks SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 for this thread and those it starts later, and ignores SIGPIPE and SIGXFSZ: call before any
  // thread exists.
  event_source();
  ~event_source();
  event_source(const event_source&) = delete;
  event_source& operator=(const event_source&) = delete;
  // From any thread; `why` is for the log. The first one counts.
  void post(node_event e, std::string why = {});
  // Waits for the next event, nothing after `patience` (none: for ever).
  std::optional<node_event> next(std::optional<std::chrono::milliseconds> patience = {});
  std::string why() const;

private:
  int signals_;
  int posted_;
  mutable std::mutex lock_;
  std::optional<node_event> event_;
  std::string why_;
};

} // namespace actord
