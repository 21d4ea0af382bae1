#include "runtime/node/signals.hpp"
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace actord {

event_source::event_source() {
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    sigaddset(&set, s);
    std::signal(s, SIG_DFL); // what nohup or a shell's & left ignored would never come
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  for (int s : {SIGPIPE, SIGXFSZ}) std::signal(s, SIG_IGN); // beyond ulimit -f a write fails, as on a full disk
  signals_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  posted_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

event_source::~event_source() {
  ::close(signals_);
  ::close(posted_);
}

void event_source::post(node_event e, std::string why) {
  {
    std::lock_guard g(lock_);
    if (event_) return;
    event_ = e;
    why_ = std::move(why);
  }
  uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(posted_, &one, sizeof one);
}

std::optional<node_event> event_source::next(std::optional<std::chrono::milliseconds> patience) {
  pollfd fds[2] = {{signals_, POLLIN, 0}, {posted_, POLLIN, 0}};
  int n = 0;
  do {
    n = ::poll(fds, 2, patience ? static_cast<int>(patience->count()) : -1);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return {};
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
    case SIGHUP: return node_event::hangup;
    case SIGINT: return node_event::interrupt;
    case SIGUSR1: return node_event::dump;
    case SIGUSR2: return node_event::ignored;
    default: return node_event::terminate;
    }
  }
  uint64_t count = 0;
  if (::read(posted_, &count, sizeof count) == sizeof count) {
    std::lock_guard g(lock_);
    return event_;
  }
  return {};
}

std::string event_source::why() const {
  std::lock_guard g(lock_);
  return why_;
}

} // namespace actord
