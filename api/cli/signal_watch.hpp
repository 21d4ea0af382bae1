// Signals as calls on a thread of their own, for as long as this lives; then they do what they did before.
#pragma once
#include <csignal>
#include <functional>
#include <initializer_list>
#include <thread>

namespace actord::cli {

class signal_watch {
public:
  signal_watch(std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

private:
  sigset_t before_{};
  int signals_ = -1, end_ = -1;
  std::thread thread_;
};

} // namespace actord::cli
