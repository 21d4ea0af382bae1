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

constexpr std::chrono::seconds most_resolve_time{5}; // for all names together

using addresses = result<std::vector<std::string>>;

// Of a recursor that is given by name; looked up once, when the settings are read, as Consul does.
std::future<addresses> look_up(const std::string& text) {
  auto done = std::make_shared<std::promise<addresses>>();
  auto later = done->get_future();
  net::resolve_in_background(text, [done](addresses found) { done->set_value(std::move(found)); });
  return later;
}

result<recursor_address> take_found(const std::string& text, std::future<addresses>& later, std::chrono::steady_clock::time_point until) {
  auto refuse = [&](const char* why) { return error{errc::bad_request, "Invalid recursor address: lookup " + text.substr(0, text.rfind(':')) + ": " + why}; };
  if (later.wait_until(until) != std::future_status::ready) return refuse("i/o timeout");
  recursor_address a;
  if (auto all = later.get(); all)
    for (auto& one : *all)
      if (parse_recursor(one, a)) return a;
  return refuse("no such host");
}

result<std::vector<recursor_address>> recursors_of(const node_config& c) {
  std::vector<std::future<addresses>> found(c.recursors.size());
  recursor_address a;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto& text = c.recursors[i];
    if (parse_recursor(text, a)) continue;
    const auto colon = text.rfind(':');
    const auto port = colon == text.npos ? std::string_view() : std::string_view(text).substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos)
      return error{errc::bad_request, "Invalid recursor address: address tcp/" + std::string(port) + ": unknown port"};
    found[i] = look_up(text);
  }
  std::vector<recursor_address> out;
  const auto until = std::chrono::steady_clock::now() + most_resolve_time;
  for (size_t i = 0; i < found.size(); ++i) {
    auto one = found[i].valid() ? take_found(c.recursors[i], found[i], until) : parse_recursor(c.recursors[i], a) ? result<recursor_address>(a) : result<recursor_address>(error(errc::bad_request, "Invalid recursor address: " + c.recursors[i]));
    if (!one) return one.err();
    out.push_back(*one);
  }
  return out;
}

result<std::shared_ptr<const thread_settings>> settings_of(const node_config& c) {
  auto recursors = recursors_of(c);
  if (!recursors) return recursors.err();
  auto out = std::make_shared<thread_settings>();
  out->recursors = std::move(*recursors);
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
  return std::shared_ptr<const thread_settings>(std::move(out));
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
  auto read = settings_of(config);
  if (!read) return read.err();
  const auto settings = std::move(*read);
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

result<std::function<void(dns_server&)>> dns_server::prepare_reload(const node_config& config) {
  auto settings = settings_of(config);
  if (!settings) return settings.err();
  return std::function<void(dns_server&)>([now = *settings](dns_server& s) {
    for (auto& r : s.threads_) caf::anon_send(caf::actor_cast<caf::actor>(r->work->actor()->address()), dns_settings_changed{now});
  });
}

void dns_server::stop() {
  for (auto& r : threads_) r->work->loop().stop();
  for (auto& r : threads_)
    if (r->thread.joinable()) r->thread.join();
  threads_.clear();
}

} // namespace actord::dns
