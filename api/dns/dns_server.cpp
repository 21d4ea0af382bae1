#include "api/dns/dns_server.hpp"
#include "api/dns/dns_thread.hpp"
#include "runtime/base/log.hpp"
#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <random>
#include <thread>

namespace actord::dns {
namespace {

constexpr unsigned most_threads = 2;

uint32_t seconds_of(nanos d) { return static_cast<uint32_t>(std::clamp<int64_t>(d.count() / 1000000000, 0, INT32_MAX)); }

std::shared_ptr<const thread_settings> settings_of(const node_config& c) {
  auto out = std::make_shared<thread_settings>();
  for (auto& text : c.recursors) {
    recursor_address a;
    if (parse_recursor(text, a)) out->recursors.push_back(a);
    else log::warn("agent.dns", "not an address, recursor ignored: recursor={}", text);
  }
  out->recursor_timeout = c.dns_recursor_timeout;
  out->max_stale = c.dns_max_stale;
  auto& s = out->answers;
  s.datacenter = c.datacenter;
  s.node_name = c.node_name;
  s.domain = c.domain;
  s.alt_domain = c.alt_domain;
  s.have_recursors = !out->recursors.empty();
  s.allow_stale = c.dns_allow_stale;
  s.only_passing = c.dns_only_passing;
  s.enable_truncate = c.dns_enable_truncate;
  s.disable_compression = c.dns_disable_compression;
  s.node_meta_txt = c.dns_enable_additional_node_meta_txt;
  s.udp_answer_limit = c.dns_udp_answer_limit;
  s.a_record_limit = c.dns_a_record_limit;
  s.node_ttl = seconds_of(c.dns_node_ttl);
  for (auto& [name, ttl] : c.dns_service_ttl) s.service_ttl[name] = seconds_of(ttl);
  s.soa_refresh = c.dns_soa_refresh;
  s.soa_retry = c.dns_soa_retry;
  s.soa_expire = c.dns_soa_expire;
  s.soa_min_ttl = c.dns_soa_min_ttl;
  return out;
}

} // namespace

struct dns_server::running {
  std::unique_ptr<dns_thread> work;
  std::thread thread;
};

dns_server::dns_server() = default;
dns_server::~dns_server() { stop(); }

result<std::unique_ptr<dns_server>> dns_server::start(const node_config& config, server_deps deps) {
  std::unique_ptr<dns_server> out(new dns_server);
  if (config.dns_addrs.empty()) return out;
  auto settings = settings_of(config);
  const unsigned threads = deps.store ? std::clamp(std::thread::hardware_concurrency(), 1u, most_threads) : 1;
  std::random_device seeds;
  for (unsigned i = 0; i < threads; ++i) {
    auto loop = net::io_loop::make();
    if (!loop) return loop.err();
    auto r = std::make_unique<running>();
    uint64_t seed = uint64_t{seeds()} << 32 | seeds();
    r->work = std::make_unique<dns_thread>(std::move(*loop), dns_source{deps.store, deps.status, deps.rpc}, settings, seed);
    auto* work = r->work.get();
    work->host(net::loop_actor::make(deps.system, work->loop(), [work](net::loop_actor*) -> caf::behavior {
      return {[work](const dns_settings_changed& m) { work->use(m.now); }};
    }));
    out->threads_.push_back(std::move(r));
  }
  for (size_t a = 0; a < config.dns_addrs.size(); ++a) {
    auto& address = config.dns_addrs[a];
    if (address.is_unix() || address.port < 0) continue;
    // TCP first: where any port will do, its number is far more often free for UDP than the other way round.
    auto tcp = listen_tcp(*out->threads_.front()->work, address.host, static_cast<uint16_t>(address.port));
    if (!tcp) return tcp.err();
    const uint16_t port = *tcp;
    for (auto& r : out->threads_)
      if (auto bound = listen_udp(*r->work, address.host, port); !bound) return bound.err();
    if (out->port_ == 0) out->port_ = port;
    for (auto network : {"udp", "tcp"}) log::info("agent", "Started DNS server: address={}:{} network={}", address.host, port, network);
  }
  for (auto& r : out->threads_) r->thread = std::thread([loop = &r->work->loop()] { loop->run(); });
  return out;
}

void dns_server::reload(const node_config& config) {
  auto settings = settings_of(config);
  for (auto& r : threads_) caf::anon_send(caf::actor_cast<caf::actor>(r->work->actor()->address()), dns_settings_changed{settings});
}

void dns_server::stop() {
  for (auto& r : threads_) r->work->loop().stop();
  for (auto& r : threads_)
    if (r->thread.joinable()) r->thread.join();
  threads_.clear();
}

} // namespace actord::dns
