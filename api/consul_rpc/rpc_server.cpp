#include "api/consul_rpc/rpc_server.hpp"
#include "api/consul_rpc/front.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/loop_team.hpp"
#include <algorithm>
#include <caf/actor_cast.hpp>
#include <random>
#include <thread>

namespace actord::consul_rpc {

namespace {

constexpr size_t most_loops = 2, long_read_threads = 2;

// Bytes of requests and answers that clients may make us hold: an eighth of what there is, if nothing is said. Less than the least would not carry one large answer.
size_t memory_of_all(const node_config& c) {
  if (c.rpc_max_held_bytes > 0) return static_cast<size_t>(c.rpc_max_held_bytes);
  constexpr uint64_t least = 64 << 20, most = 512 << 20;
  const auto usable = usable_memory();
  return usable == 0 ? most : std::clamp(usable / 8, least, most);
}

} // namespace

struct rpc_server::impl {
  std::unique_ptr<net::loop_team> loops;
  std::unique_ptr<long_reads> elsewhere;
  std::vector<std::unique_ptr<front>> fronts; // one per loop
  uint16_t port = 0;
};

rpc_server::rpc_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
rpc_server::~rpc_server() { stop(); }
uint16_t rpc_server::port() const { return impl_->port; }
rpc_handle rpc_server::local() const { return caf::actor_cast<rpc_handle>(impl_->fronts[0]->self().address()); }

result<std::unique_ptr<rpc_server>> rpc_server::start(const node_config& config, rpc_deps deps) {
  auto i = std::make_unique<impl>();
  auto clients = std::make_shared<net::client_counts>();
  const auto memory = memory_of_all(config);
  std::random_device entropy;
  auto loops = net::loop_team::make(std::clamp<size_t>(std::thread::hardware_concurrency() / 2, 1, most_loops), "agent.server.rpc");
  if (!loops) return loops.err();
  i->loops = std::move(*loops);
  i->elsewhere = std::make_unique<long_reads>(&deps.store, long_read_threads);
  for (size_t n = 0; n < i->loops->size(); ++n)
    i->fronts.push_back(std::make_unique<front>(i->loops->at(n), front_parts{config, deps.system, deps.router, deps.watch, deps.store, deps.status, deps.autopilot,
                                                                             deps.cluster, deps.peers, clients, (static_cast<uint64_t>(entropy()) << 32) | entropy(),
                                                                             memory / i->loops->size(), i->elsewhere.get()}));
  int fd = deps.listener;
  if (fd < 0) {
    auto opened = net::open_listener({.host = config.rpc_bind.host, .port = config.rpc_bind.port, .unix_path = {}, .unix_user = {}, .unix_group = {}, .unix_mode = {}});
    if (!opened) return opened.err();
    fd = *opened;
  }
  i->port = net::bound_port(fd);
  auto accepting = i->loops->accept_from(fd, [to = i.get()](size_t loop, int taken, std::string peer) { to->fronts[loop]->accept(taken, std::move(peer)); });
  if (!accepting) return accepting.err();
  std::unique_ptr<rpc_server> server(new rpc_server(std::move(i)));
  if (auto running = server->impl_->loops->run("rpc"); !running) return running.err();
  return server;
}

void rpc_server::stop() {
  impl_->loops->stop([this](size_t loop) { impl_->fronts[loop]->shutdown(); });
  impl_->elsewhere->stop(); // what it posts goes with the loops
  impl_->fronts.clear();
}

} // namespace actord::consul_rpc
