// How often something that fails is tried again, and how often the log hears of it: longer and longer pauses, the first failure
// and then one line in a while. For who tries until it works; no clock of its own.
#pragma once
#include <algorithm>
#include <chrono>

namespace actord {

class retry_pace {
public:
  using clock = std::chrono::steady_clock;
  retry_pace(clock::duration least, clock::duration most, clock::duration quiet = std::chrono::seconds(10)) : least_(least), most_(std::max(least, most)), quiet_(quiet) {}

  // It failed: the pause before it is tried again.
  clock::duration failed(clock::time_point now) {
    pause_ = std::clamp(pause_ * 2, least_, most_);
    says_ = !failing_ || now - said_ >= quiet_;
    if (says_) said_ = now;
    failing_ = true;
    return pause_;
  }
  bool says() const { return says_; } // is that failure to be logged?
  void worked() {
    pause_ = {};
    failing_ = false;
  }

private:
  clock::duration least_, most_, quiet_, pause_{};
  clock::time_point said_{};
  bool failing_ = false, says_ = false;
};

} // namespace actord
