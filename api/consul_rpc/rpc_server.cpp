#include "api/consul_rpc/rpc_server.hpp"
#include "api/consul_rpc/front.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/listener.hpp"
#include <algorithm>
#include <caf/actor_cast.hpp>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <random>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>

namespace actord::consul_rpc {

namespace {

constexpr size_t memory_of_all = 512 << 20; // bytes of requests and answers that clients may make us hold
constexpr size_t most_loops = 2;

struct worker {
  std::unique_ptr<net::io_loop> loop;
  std::unique_ptr<front> serving;
  std::thread thread;
};

// Accepts in the first loop and deals the connections over all of them in turn.
class acceptor final : public net::io_handler {
public:
  acceptor(int fd, std::vector<worker>& workers) : fd_(fd), workers_(workers) {}
  ~acceptor() override { ::close(fd_); }
  int fd() const { return fd_; }

  void on_io(uint32_t) override {
    for (int n = 0; n < 256; ++n) { // level-triggered: what is left comes again
      auto a = net::accept_one(fd_);
      if (a.fd < 0) return pause_if(a.failure);
      worker& w = workers_[next_++ % workers_.size()];
      if (w.loop->in_loop()) w.serving->accept(a.fd, std::move(a.peer));
      else w.loop->post([&w, fd = a.fd, peer = std::move(a.peer)] { w.serving->accept(fd, peer); });
    }
  }

private:
  // Out of descriptors: trying again at once would spin.
  void pause_if(int failure) {
    if (failure != EMFILE && failure != ENFILE && failure != ENOBUFS && failure != ENOMEM) return;
    auto& loop = *workers_[0].loop;
    log::warn("agent.server.rpc", "cannot accept connections: error={}", std::string(std::strerror(failure)));
    loop.unwatch(fd_, this);
    loop.call_after(std::chrono::milliseconds(100), [this, &loop] { (void)loop.watch(fd_, EPOLLIN, this); });
  }
  int fd_;
  std::vector<worker>& workers_;
  size_t next_ = 0;
};

} // namespace

struct rpc_server::impl {
  std::vector<worker> workers;
  std::unique_ptr<acceptor> accepting;
  uint16_t port = 0;
  bool stopped = false;
};

rpc_server::rpc_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
rpc_server::~rpc_server() { stop(); }
uint16_t rpc_server::port() const { return impl_->port; }
rpc_handle rpc_server::local() const { return caf::actor_cast<rpc_handle>(impl_->workers[0].serving->self().address()); }

result<std::unique_ptr<rpc_server>> rpc_server::start(const node_config& config, rpc_deps deps) {
  auto i = std::make_unique<impl>();
  auto clients = std::make_shared<client_counts>();
  std::random_device entropy;
  i->workers.resize(std::clamp<size_t>(std::thread::hardware_concurrency() / 2, 1, most_loops));
  for (auto& w : i->workers) {
    auto loop = net::io_loop::make();
    if (!loop) return loop.err();
    w.loop = std::move(*loop);
    w.serving = std::make_unique<front>(*w.loop, front_parts{config, deps.system, deps.router, deps.watch, deps.store, deps.status, deps.autopilot,
                                                             deps.cluster, deps.peers, clients, (static_cast<uint64_t>(entropy()) << 32) | entropy(),
                                                             memory_of_all / i->workers.size()});
  }
  int fd = deps.listener;
  if (fd < 0) {
    auto opened = net::open_listener({.host = config.rpc_bind.host, .port = config.rpc_bind.port, .unix_path = {}, .unix_user = {}, .unix_group = {}, .unix_mode = {}});
    if (!opened) return opened.err();
    fd = *opened;
  }
  i->port = net::bound_port(fd);
  i->accepting = std::make_unique<acceptor>(fd, i->workers);
  if (auto watched = i->workers[0].loop->watch(fd, EPOLLIN, i->accepting.get()); !watched) return watched.err();
  int number = 0;
  for (auto& w : i->workers) {
    w.thread = std::thread([loop = w.loop.get()] { loop->run(); });
    ::pthread_setname_np(w.thread.native_handle(), ("rpc-" + std::to_string(number++)).c_str());
  }
  return std::unique_ptr<rpc_server>(new rpc_server(std::move(i)));
}

void rpc_server::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  for (auto& w : impl_->workers) {
    const bool first = &w == &impl_->workers[0];
    w.loop->post([this, first, &w] {
      if (first) w.loop->unwatch(impl_->accepting->fd(), impl_->accepting.get());
      w.serving->shutdown();
    });
    w.loop->stop();
  }
  for (auto& w : impl_->workers)
    if (w.thread.joinable()) w.thread.join();
  impl_->accepting.reset();
  for (auto& w : impl_->workers) w.serving.reset();
}

} // namespace actord::consul_rpc
