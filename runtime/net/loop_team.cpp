#include "runtime/net/loop_team.hpp"
#include "runtime/base/thread_start.hpp"

namespace actord::net {

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
  auto shared = std::make_shared<taker>(std::move(t));
  acceptors_.push_back(std::make_unique<acceptor>(at(0), listener, log_name_, [this, shared](int fd, std::string peer) { deal(shared, fd, std::move(peer)); }));
  return acceptors_.back()->start();
}

void loop_team::deal(const std::shared_ptr<taker>& t, int fd, std::string peer) {
  const size_t to = next_++ % loops_.size();
  if (at(to).in_loop()) return (*t)(to, fd, std::move(peer));
  at(to).post([t, to, fd, peer = std::move(peer)]() mutable { (*t)(to, fd, std::move(peer)); });
}

status loop_team::run(const std::string& name) {
  for (auto& loop : loops_) {
    auto t = start_thread(name + "-" + std::to_string(threads_.size()), [l = loop.get()] { l->run(); });
    if (!t) return t.err();
    threads_.push_back(std::move(*t));
  }
  return {};
}

void loop_team::stop(const std::function<void(size_t)>& last) {
  if (std::exchange(stopped_, true)) return;
  // The first loop deals: once it is over, nothing more comes to the others.
  for (size_t i = 0; i < threads_.size(); ++i) {
    at(i).post([this, &last, i] {
      if (i == 0)
        for (auto& a : acceptors_) a->stop();
      if (last) last(i);
    });
    at(i).stop();
    if (i == 0) threads_[0].join();
  }
  for (size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  acceptors_.clear();
}

} // namespace actord::net
