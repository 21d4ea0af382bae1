#include "runtime/net/acceptor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/listener.hpp"
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::net {

namespace {
constexpr int accepts_at_once = 32; // then others of the loop have their turn
constexpr nanos pause_without_descriptors = std::chrono::milliseconds(100);
constexpr nanos log_pause = std::chrono::seconds(10);
} // namespace

acceptor::acceptor(io_loop& loop, int listener, std::string log_name, taker t, std::function<void()> spare)
    : loop_(loop), fd_(listener), log_name_(std::move(log_name)), taker_(std::move(t)), spare_(std::move(spare)) {}

acceptor::~acceptor() {
  stop();
  ::close(fd_);
}

status acceptor::start() { return loop_.watch(fd_, EPOLLIN, this); }

void acceptor::stop() {
  loop_.cancel(std::exchange(pause_, 0));
  loop_.unwatch(fd_, this);
}

void acceptor::on_io(uint32_t) {
  for (int n = 0; n < accepts_at_once; ++n) { // level-triggered: what is left comes again
    auto a = accept_one(fd_);
    if (a.fd < 0) return pause_if(a.failure);
    taker_(a.fd, std::move(a.peer));
  }
}

void acceptor::pause_if(int failure) {
  if (failure != EMFILE && failure != ENFILE && failure != ENOBUFS && failure != ENOMEM) return;
  if (told_ == io_loop::clock::time_point{} || loop_.now() - told_ >= log_pause) {
    log::warn(log_name_, "cannot accept connections: error={}", std::string(std::strerror(failure)));
    told_ = loop_.now();
  }
  loop_.unwatch(fd_, this);
  pause_ = loop_.call_after(pause_without_descriptors, [this] {
    pause_ = 0;
    (void)loop_.watch(fd_, EPOLLIN, this);
  });
  if (spare_) spare_();
}

} // namespace actord::net
