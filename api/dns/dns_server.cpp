#include "api/dns/dns_server.hpp"
#include "api/dns/dns_thread.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/net/background.hpp"
#include "runtime/net/stream_socket.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <future>
#include <mutex>
#include <random>
#include <thread>

namespace actord::dns {
namespace {

constexpr unsigned most_threads = 2;
constexpr size_t making_threads = 1; // what takes long waits there for nothing but itself

uint32_t seconds_of(nanos d) { return static_cast<uint32_t>(std::clamp<int64_t>(d.count() / 1000000000, 0, INT32_MAX)); }

constexpr std::chrono::seconds most_resolve_time{5}; // for all names together

using addresses = result<std::vector<std::string>>;
using recursors = std::vector<recursor_address>;

// The addresses of recursors that are given by name: looked up once, when the settings are read, as Consul does.
class recursor_search : public std::enable_shared_from_this<recursor_search> {
public:
  using done_function = std::function<void(result<recursors>)>;
  recursor_search(std::vector<std::string> names, done_function done)
      : names_(std::move(names)), found_(names_.size()), left_(names_.size()), done_(std::move(done)) {}

  void begin() {
    if (auto refused = read_literals(); !refused) return end(refused.err());
    if (left_ == 0) return end(found_);
    const auto literal = found_;
    net::call_in_background(most_resolve_time, [self = shared_from_this()] { self->late(); });
    for (size_t i = 0; i < names_.size(); ++i)
      if (literal[i].length == 0) net::resolve_in_background(names_[i], [self = shared_from_this(), i](const addresses& all) { self->take(i, all); });
  }

private:
  status read_literals() {
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto& text = names_[i];
      if (parse_recursor(text, found_[i])) {
        --left_;
        continue;
      }
      const auto colon = text.rfind(':');
      const auto port = colon == text.npos ? std::string_view() : std::string_view(text).substr(colon + 1);
      if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos)
        return error{errc::bad_request, "Invalid recursor address: address tcp/" + std::string(port) + ": unknown port"};
    }
    return {};
  }
  error refusal(size_t i, const char* why) const {
    return {errc::bad_request, "Invalid recursor address: lookup " + names_[i].substr(0, names_[i].rfind(':')) + ": " + why};
  }
  void take(size_t i, const addresses& all) {
    std::unique_lock hold(lock_);
    if (over_) return;
    recursor_address a;
    if (all)
      for (auto& one : *all)
        if (a.length == 0 && !parse_recursor(one, a)) a = {};
    found_[i] = a;
    if (a.length != 0 && --left_ > 0) return;
    over_ = true;
    hold.unlock();
    if (a.length == 0) end(refusal(i, "no such host"));
    else end(found_);
  }
  void late() {
    std::unique_lock hold(lock_);
    if (std::exchange(over_, true)) return;
    hold.unlock();
    const auto silent = std::find_if(found_.begin(), found_.end(), [](auto& a) { return a.length == 0; });
    end(refusal(static_cast<size_t>(silent - found_.begin()), "i/o timeout"));
  }
  void end(result<recursors> r) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(r));
  }

  const std::vector<std::string> names_;
  std::mutex lock_; // of the three below, until it is over
  recursors found_;
  size_t left_; // without an address
  bool over_ = false;
  done_function done_;
};

result<recursors> look_up_recursors(const node_config& c) {
  std::promise<result<recursors>> found;
  std::make_shared<recursor_search>(c.recursors, [&](result<recursors> r) { found.set_value(std::move(r)); })->begin();
  return found.get_future().get();
}

std::shared_ptr<const thread_settings> settings_of(const node_config& c, recursors found) {
  auto out = std::make_shared<thread_settings>();
  out->recursors = std::move(found);
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
  auto found = look_up_recursors(config);
  if (!found) return found.err();
  const auto settings = settings_of(config, std::move(*found));
  const unsigned threads = deps.store ? std::clamp(std::thread::hardware_concurrency(), 1u, most_threads) : 1;
  out->elsewhere_ = std::make_unique<long_reads>(deps.store, making_threads);
  std::random_device seeds;
  for (unsigned i = 0; i < threads; ++i) {
    auto loop = net::io_loop::make();
    if (!loop) return loop.err();
    auto r = std::make_unique<running>();
    uint64_t seed = uint64_t{seeds()} << 32 | seeds();
    r->work = std::make_unique<dns_thread>(std::move(*loop), dns_source{deps.store, deps.status, deps.rpc, out->elsewhere_.get()}, settings, seed);
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
  for (auto& r : out->threads_) {
    auto t = start_thread("dns", [loop = &r->work->loop()] { loop->run(); });
    if (!t) return t.err();
    r->thread = std::move(*t);
  }
  return out;
}

void dns_server::prepare_reload(const node_config& config, std::function<void(result<new_settings>)> done) {
  auto take = [config, done = std::move(done)](result<recursors> found) {
    if (!found) return done(found.err());
    done(new_settings([now = settings_of(config, std::move(*found))](dns_server& s) {
      for (auto& r : s.threads_) caf::anon_send(caf::actor_cast<caf::actor>(r->work->actor()->address()), dns_settings_changed{now});
    }));
  };
  std::make_shared<recursor_search>(config.recursors, std::move(take))->begin();
}

void dns_server::stop() {
  for (auto& r : threads_) r->work->loop().stop();
  for (auto& r : threads_)
    if (r->thread.joinable()) r->thread.join();
  if (elsewhere_) elsewhere_->stop();
  threads_.clear();
}

} // namespace actord::dns
