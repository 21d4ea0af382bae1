// Bounds the end of the process. Whatever holds it up, a disk that hangs, a library's thread, a reader of our log that stands still, is given a while,
// or until somebody signals once more; then it is told what is still waited for, and the process ends all the same.
#pragma once
#include "runtime/node/signals.hpp"
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace actord {

inline constexpr std::chrono::seconds disk_patience{10}; // at the end, for a disk
inline constexpr std::chrono::seconds end_patience{15};  // for all that ends one after the other, that disk among it
inline constexpr std::chrono::seconds hurried_patience{2}; // for who was signalled twice

class end_watch {
public:
  // `events` is this one's alone from here on. `end` does not come back, and may be called by another thread while everything else goes on.
  end_watch(event_source& events, std::chrono::milliseconds patience, std::function<void()> end);
  ~end_watch(); // it ended in time
  end_watch(const end_watch&) = delete;
  // The next step, for the log; a text that is never destroyed.
  void step(const char* what) { step_ = what; }

private:
  void run(std::chrono::milliseconds patience, const std::function<void()>& end);
  event_source& events_;
  std::atomic<const char*> step_{"nothing that has a name"};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// "/data/raft/journal (for 12 s)" …, or an empty text.
std::string waits_for_disk();

} // namespace actord
