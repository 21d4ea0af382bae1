#include "runtime/net/loop_team.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/listener.hpp"
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::net {

namespace {
constexpr int accepts_at_once = 256; // then others of the loop have their turn
constexpr nanos pause_without_descriptors = std::chrono::milliseconds(100);
} // namespace

class loop_team::acceptor final : public io_handler {
public:
  acceptor(int fd, loop_team& team, taker t) : fd_(fd), team_(team), taker_(std::move(t)) {}
  ~acceptor() override { ::close(fd_); }
  int fd() const { return fd_; }

  void on_io(uint32_t) override {
    for (int n = 0; n < accepts_at_once; ++n) { // level-triggered: what is left comes again
      auto a = accept_one(fd_);
      if (a.fd < 0) return pause_if(a.failure);
      team_.deal(taker_, a.fd, std::move(a.peer));
    }
  }

private:
  // Out of descriptors: trying again at once would spin.
  void pause_if(int failure) {
    if (failure != EMFILE && failure != ENFILE && failure != ENOBUFS && failure != ENOMEM) return;
    auto& loop = team_.at(0);
    log::warn(team_.log_name_, "cannot accept connections: error={}", std::string(std::strerror(failure)));
    loop.unwatch(fd_, this);
    loop.call_after(pause_without_descriptors, [this, &loop] { (void)loop.watch(fd_, EPOLLIN, this); });
  }
  int fd_;
  loop_team& team_;
  taker taker_;
};

result<std::unique_ptr<loop_team>> loop_team::make(size_t loops, std::string log_name) {
  std::unique_ptr<loop_team> out(new loop_team(std::move(log_name)));
  for (size_t i = 0; i < loops; ++i) {
    auto loop = io_loop::make();
    if (!loop) return loop.err();
    out->loops_.push_back(std::move(*loop));
  }
  return out;
}

loop_team::loop_team(std::string log_name) : log_name_(std::move(log_name)) {}
loop_team::~loop_team() { stop(); }

status loop_team::accept_from(int listener, taker t) {
  acceptors_.push_back(std::make_unique<acceptor>(listener, *this, std::move(t)));
  return at(0).watch(listener, EPOLLIN, acceptors_.back().get());
}

void loop_team::deal(taker& t, int fd, std::string peer) {
  const size_t to = next_++ % loops_.size();
  if (at(to).in_loop()) return t(to, fd, std::move(peer));
  at(to).post([&t, to, fd, peer = std::move(peer)]() mutable { t(to, fd, std::move(peer)); });
}

void loop_team::run(const std::string& name) {
  for (auto& loop : loops_) {
    threads_.emplace_back([l = loop.get()] { l->run(); });
    ::pthread_setname_np(threads_.back().native_handle(), (name + "-" + std::to_string(threads_.size() - 1)).c_str());
  }
}

void loop_team::stop(const std::function<void(size_t)>& last) {
  if (std::exchange(stopped_, true)) return;
  // The first loop deals: once it is over, nothing more comes to the others.
  for (size_t i = 0; i < threads_.size(); ++i) {
    at(i).post([this, &last, i] {
      if (i == 0)
        for (auto& a : acceptors_) at(0).unwatch(a->fd(), a.get());
      if (last) last(i);
    });
    at(i).stop();
    if (i == 0) threads_[0].join();
  }
  for (size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  acceptors_.clear();
}

} // namespace actord::net
