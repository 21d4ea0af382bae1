#include "api/http/http_server.hpp"
#include "api/http/front.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/loop_team.hpp"
#include <algorithm>
#include <random>
#include <thread>
#include <unistd.h>

namespace actord::http {

namespace {

constexpr size_t cache_bytes = 32 << 20; // of all loops together
constexpr size_t long_read_threads = 2;
constexpr uint64_t least_memory = 64 << 20; // that all connections together may make us hold, whatever the machine has

} // namespace

struct http_server::impl {
  std::unique_ptr<net::loop_team> loops;
  std::unique_ptr<long_reads> elsewhere;
  std::vector<std::unique_ptr<front>> fronts; // one per loop
  std::vector<std::string> socket_files;
  std::vector<uint16_t> ports;
  status listen_on(const node_config& config);
};

http_server::http_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
http_server::~http_server() { stop(); }
std::vector<uint16_t> http_server::ports() const { return impl_->ports; }

status http_server::impl::listen_on(const node_config& config) {
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
    ports.push_back(net::bound_port(*fd));
    if (address.is_unix()) socket_files.push_back(address.unix_path);
    auto accepting = loops->accept_from(*fd, [this](size_t loop, int taken, std::string peer) { fronts[loop]->accept(taken, std::move(peer)); });
    if (!accepting) return accepting;
  }
  return {};
}

result<std::unique_ptr<http_server>> http_server::start(const node_config& config, http_deps deps) {
  auto i = std::make_unique<impl>();
  auto rules = std::make_shared<const server_rules>(config);
  auto clients = std::make_shared<net::client_counts>();
  const auto usable = usable_memory();
  const size_t memory = deps.memory > 0 ? deps.memory : usable == 0 ? SIZE_MAX : std::max<uint64_t>(usable / 4, least_memory);
  std::random_device entropy;
  // A client agent serves one machine and has nothing to keep answers for.
  const size_t count = deps.store ? std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 4) : 1;
  auto loops = net::loop_team::make(count, "agent.http");
  if (!loops) return loops.err();
  i->loops = std::move(*loops);
  i->elsewhere = std::make_unique<long_reads>(deps.store, long_read_threads);
  for (size_t n = 0; n < count; ++n)
    i->fronts.push_back(std::make_unique<front>(
        i->loops->at(n), front_parts{deps.system, deps.router, deps.watch, deps.agent, deps.board, deps.store, deps.status, rules,
                                     clients, (static_cast<uint64_t>(entropy()) << 32) | entropy(), cache_bytes / count, deps.autopilot, deps.cluster, i->elsewhere.get(), memory / count}));
  if (auto listening = i->listen_on(config); !listening) return listening.err();
  std::unique_ptr<http_server> server(new http_server(std::move(i)));
  if (auto running = server->impl_->loops->run("http"); !running) return running.err();
  return server;
}

void http_server::stop() {
  impl_->loops->stop([this](size_t loop) { impl_->fronts[loop]->shutdown(); });
  impl_->elsewhere->stop(); // what it posts goes with the loops
  impl_->fronts.clear();
  for (auto& file : std::exchange(impl_->socket_files, {})) ::unlink(file.c_str());
}

} // namespace actord::http
