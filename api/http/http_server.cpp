#include "api/http/http_server.hpp"
#include "api/http/front.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/listener.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <random>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>

namespace actord::http {
namespace {

constexpr size_t cache_bytes = 32 << 20; // of all loops together

struct worker {
  std::unique_ptr<net::io_loop> loop;
  std::unique_ptr<front> serving;
  std::thread thread;
};

// Accepts in the first loop and deals the connections over all of them in turn: evenly, unlike SO_REUSEPORT's hash.
class acceptor final : public net::io_handler {
public:
  acceptor(int fd, std::vector<worker>& workers, size_t& next) : fd_(fd), workers_(workers), next_(next) {}
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
    log::warn("agent.http", "cannot accept connections: error={}", std::string(std::strerror(failure)));
    loop.unwatch(fd_, this);
    loop.call_after(std::chrono::milliseconds(100), [this, &loop] { (void)loop.watch(fd_, EPOLLIN, this); });
  }
  int fd_;
  std::vector<worker>& workers_;
  size_t& next_;
};

} // namespace

struct http_server::impl {
  std::vector<worker> workers;
  std::vector<std::unique_ptr<acceptor>> acceptors;
  std::vector<std::string> socket_files;
  std::vector<uint16_t> ports;
  size_t next = 0;
  bool stopped = false;
};

http_server::http_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
http_server::~http_server() { stop(); }
std::vector<uint16_t> http_server::ports() const { return impl_->ports; }

namespace {

status listen_on(const node_config& config, std::vector<worker>& workers, size_t& next,
                 std::vector<std::unique_ptr<acceptor>>& acceptors, std::vector<uint16_t>& ports, std::vector<std::string>& files) {
  for (auto& address : config.http_addrs) {
    net::listen_spec s;
    s.host = address.host;
    s.port = address.port;
    s.unix_path = address.unix_path;
    s.unix_user = config.unix_sockets_user;
    s.unix_group = config.unix_sockets_group;
    s.unix_mode = config.unix_sockets_mode;
    auto fd = net::open_listener(s);
    if (!fd) return fd.err();
    acceptors.push_back(std::make_unique<acceptor>(*fd, workers, next));
    ports.push_back(net::bound_port(*fd));
    if (address.is_unix()) files.push_back(address.unix_path);
    if (auto watched = workers[0].loop->watch(*fd, EPOLLIN, acceptors.back().get()); !watched) return watched;
  }
  return {};
}

} // namespace

result<std::unique_ptr<http_server>> http_server::start(const node_config& config, http_deps deps) {
  auto i = std::make_unique<impl>();
  auto rules = std::make_shared<const server_rules>(config);
  auto clients = std::make_shared<client_counts>();
  std::random_device entropy;
  // A client agent serves one machine and has nothing to keep answers for.
  const size_t count = deps.store ? std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 4) : 1;
  i->workers.resize(count);
  for (auto& w : i->workers) {
    auto loop = net::io_loop::make();
    if (!loop) return loop.err();
    w.loop = std::move(*loop);
    w.serving = std::make_unique<front>(
        *w.loop, front_parts{deps.system, deps.router, deps.watch, deps.agent, deps.board, deps.store, deps.status, rules,
                             clients, (static_cast<uint64_t>(entropy()) << 32) | entropy(), cache_bytes / count, deps.autopilot, deps.cluster});
  }
  if (auto listening = listen_on(config, i->workers, i->next, i->acceptors, i->ports, i->socket_files); !listening)
    return listening.err();
  int number = 0;
  for (auto& w : i->workers) {
    w.thread = std::thread([loop = w.loop.get()] { loop->run(); });
    ::pthread_setname_np(w.thread.native_handle(), ("http-" + std::to_string(number++)).c_str());
  }
  return std::unique_ptr<http_server>(new http_server(std::move(i)));
}

void http_server::stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  for (auto& w : impl_->workers) {
    bool first = &w == &impl_->workers[0];
    w.loop->post([this, first, &w] {
      if (first)
        for (auto& a : impl_->acceptors) w.loop->unwatch(a->fd(), a.get());
      w.serving->shutdown();
    });
    w.loop->stop();
  }
  for (auto& w : impl_->workers)
    if (w.thread.joinable()) w.thread.join();
  impl_->acceptors.clear();
  for (auto& w : impl_->workers) w.serving.reset();
  for (auto& file : impl_->socket_files) ::unlink(file.c_str());
}

} // namespace actord::http
