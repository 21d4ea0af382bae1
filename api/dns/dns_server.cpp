#include "api/dns/dns_server.hpp"
#include "api/dns/dns_thread.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/stream_socket.hpp"
#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <future>
#include <random>
#include <thread>

namespace actord::dns {
namespace {

constexpr unsigned most_threads = 2;

uint32_t seconds_of(nanos d) { return static_cast<uint32_t>(std::clamp<int64_t>(d.count() / 1000000000, 0, INT32_MAX)); }

constexpr std::chrono::seconds most_resolve_time{10};

// A name is looked up once, when the settings are read, as Consul does.
result<recursor_address> recursor_at(const std::string& text) {
  recursor_address a;
  if (parse_recursor(text, a)) return a;
  const auto colon = text.rfind(':');
  const auto port = colon == text.npos ? std::string_view() : std::string_view(text).substr(colon + 1);
  if (port.empty() || port.find_first_not_of("0123456789") != port.npos || port.size() > 5)
    return error{errc::bad_request, "Invalid recursor address: address tcp/" + std::string(port) + ": unknown port"};
  using found = result<std::vector<std::string>>;
  auto done = std::make_shared<std::promise<found>>();
  auto later = done->get_future();
  net::resolve_in_background(text, [done](found f) { done->set_value(std::move(f)); });
  const auto host = text.substr(0, colon);
  if (later.wait_for(most_resolve_time) != std::future_status::ready) return error{errc::bad_request, "Invalid recursor address: lookup " + host + ": i/o timeout"};
  auto addresses = later.get();
  if (!addresses || addresses->empty() || !parse_recursor(addresses->front(), a))
    return error{errc::bad_request, "Invalid recursor address: lookup " + host + ": no such host"};
  return a;
}

// The first recursor that is none goes to `wrong`.
std::shared_ptr<const thread_settings> settings_of(const node_config& c, status& wrong) {
  auto out = std::make_shared<thread_settings>();
  for (auto& text : c.recursors) {
    auto a = recursor_at(text);
    if (a) out->recursors.push_back(*a);
    else if (wrong) wrong = a.err();
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
  status wrong;
  auto settings = settings_of(config, wrong);
  if (!wrong) return wrong.err();
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
  status wrong;
  auto settings = settings_of(config, wrong);
  if (!wrong) log::warn("agent.dns", "recursor ignored: error=\"{}\"", wrong.err().text);
  for (auto& r : threads_) caf::anon_send(caf::actor_cast<caf::actor>(r->work->actor()->address()), dns_settings_changed{settings});
}

void dns_server::stop() {
  for (auto& r : threads_) r->work->loop().stop();
  for (auto& r : threads_)
    if (r->thread.joinable()) r->thread.join();
  threads_.clear();
}

} // namespace actord::dns
