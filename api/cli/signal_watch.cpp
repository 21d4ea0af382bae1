#include "api/cli/signal_watch.hpp"
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace actord::cli {

// Blocked in the thread that makes this, and so in all that it starts from now on: only the descriptor sees them.
signal_watch::signal_watch(std::initializer_list<int> signals, std::function<void(int)> on_signal) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (int s : signals) ::sigaddset(&wanted, s);
  ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  end_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this, call = std::move(on_signal)] {
    for (;;) {
      pollfd fds[2] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents) return;
      signalfd_siginfo got{};
      if (::read(signals_, &got, sizeof got) == sizeof got) call(static_cast<int>(got.ssi_signo));
    }
  });
}

signal_watch::~signal_watch() {
  uint64_t one = 1;
  [[maybe_unused]] auto told = ::write(end_, &one, sizeof one);
  thread_.join();
  ::close(signals_);
  ::close(end_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

} // namespace actord::cli
