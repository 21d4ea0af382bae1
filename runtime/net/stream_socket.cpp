#include "runtime/net/stream_socket.hpp"
#include "runtime/net/background.hpp"
#include "runtime/net/name_resolver.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <linux/sockios.h>
#include <mutex>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

namespace actord::net {

namespace {

std::pair<std::string, std::string> split(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return {address, ""};
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

// As Go does it: the interface of that name, else the number.
uint32_t scope_of(const std::string& zone) {
  if (const auto index = ::if_nametoindex(zone.c_str()); index != 0) return index;
  uint32_t number = 0;
  const auto [end, bad] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return bad == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

error failed(const char* what, const std::string& address) {
  return error(errc::internal, std::string(what) + " " + address + ": " + std::strerror(errno));
}

bool is_any(const endpoint& e) {
  if (e.storage.ss_family == AF_INET) return reinterpret_cast<const sockaddr_in*>(&e.storage)->sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&e.storage)->sin6_addr);
}

} // namespace

std::string without_zone(const std::string& ip) { return ip.find(':') == std::string::npos ? ip : ip.substr(0, ip.find('%')); }

bool read_ip(const std::string& ip, uint16_t port, endpoint& out) {
  out = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.length = sizeof(sockaddr_in);
    return true;
  }
  const auto zone = ip.find('%');
  if (zone + 1 == ip.size() || ::inet_pton(AF_INET6, ip.substr(0, zone).c_str(), &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  if (zone != std::string::npos) v6->sin6_scope_id = scope_of(ip.substr(zone + 1));
  out.length = sizeof(sockaddr_in6);
  return true;
}

result<endpoint> parse_endpoint(const std::string& address) {
  auto [ip, digits] = split(address);
  uint16_t port = 0;
  auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  endpoint out;
  if (bad != std::errc() || end != digits.data() + digits.size() || digits.empty() || !read_ip(ip, port, out))
    return error(errc::bad_request, "not an address: " + address);
  return out;
}

std::string format_endpoint(const std::string& ip, uint16_t port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

result<int> listen_on(const std::string& ip, uint16_t port) {
  const auto address = format_endpoint(ip, port);
  endpoint at;
  if (!read_ip(ip, port, at)) return error(errc::bad_request, "not an address to listen on: " + address);
  const int fd = ::socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("cannot listen on", address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // "::" takes IPv4 as well, as Go's listeners do; a single IPv6 address takes itself only.
  if (at.storage.ss_family == AF_INET6 && !is_any(at)) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.length) != 0 || ::listen(fd, 1024) != 0) {
    auto e = failed("cannot listen on", address);
    ::close(fd);
    return e;
  }
  return fd;
}

uint16_t port_of(int listener) {
  endpoint at;
  at.length = sizeof at.storage;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&at.storage), &at.length) != 0) return 0;
  if (at.storage.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&at.storage)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&at.storage)->sin6_port);
}

result<int> start_dial(const std::string& address, const std::string& source_ip) {
  auto to = parse_endpoint(address);
  if (!to) return to.err();
  const int fd = ::socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("cannot dial", address);
  tune(fd);
  endpoint from;
  if (read_ip(source_ip, 0, from) && from.storage.ss_family == to->storage.ss_family && !is_any(from)) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    // Best effort: a connection from another address of ours is better than none.
    (void)!::bind(fd, reinterpret_cast<const sockaddr*>(&from.storage), from.length);
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to->storage), to->length) != 0 && errno != EINPROGRESS) {
    auto e = failed("cannot dial", address);
    ::close(fd);
    return e;
  }
  return fd;
}

void tune(int fd) {
  const int on = 1;
  const unsigned unacknowledged_ms = 15000, not_sent = 256 << 10;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  // What is still in our queues can be overtaken by what matters more; what is in the kernel's cannot.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent, sizeof not_sent);
}

uint64_t unacknowledged(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

namespace {

// Of the whole process: one thread for all that is asked, begun with the first question.
struct background {
  std::unique_ptr<io_loop> loop = std::move(*io_loop::make());
  name_resolver names{*loop};
  std::thread thread{[this] { loop->run(); }};
  ~background() {
    loop->stop();
    thread.join();
  }
};

result<background*> in_background() try {
  static background one;
  return &one;
} catch (const std::exception& e) { // no thread or no descriptors to be had
  return error(errc::internal, e.what());
}

std::string text_of(endpoint e, uint16_t port) {
  if (e.storage.ss_family == AF_INET) reinterpret_cast<sockaddr_in*>(&e.storage)->sin_port = htons(port);
  else reinterpret_cast<sockaddr_in6*>(&e.storage)->sin6_port = htons(port);
  char ip[INET6_ADDRSTRLEN] = "";
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&e.storage), e.length, ip, sizeof ip, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return format_endpoint(ip, port);
}

} // namespace

void resolve_in_background(const std::string& name_and_port, std::function<void(result<std::vector<std::string>>)> done) {
  auto [host, digits] = split(name_and_port);
  uint16_t port = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (bad != std::errc() || end != digits.data() + digits.size()) return done(error(errc::bad_request, "unknown port"));
  if (endpoint literal; read_ip(host, port, literal)) return done(std::vector<std::string>{format_endpoint(host, port)});
  auto by = in_background();
  if (!by) return done(by.err());
  (*by)->loop->post([names = &(*by)->names, host = host, port, done = std::move(done)] {
    names->ask(host, [host, port, done](const result<std::vector<endpoint>>& found) {
      if (!found) return done(error(found.err().code, "lookup " + host + ": " + found.err().text));
      std::vector<std::string> out;
      for (const auto& e : *found)
        if (auto text = text_of(e, port); !text.empty()) out.push_back(std::move(text));
      done(std::move(out));
    });
  });
}

void call_in_background(nanos delay, std::function<void()> f) {
  auto by = in_background();
  if (!by) return;
  (*by)->loop->post([loop = (*by)->loop.get(), delay, f = std::move(f)]() mutable { loop->call_after(delay, std::move(f)); });
}

struct resolver::shared {
  std::mutex lock;
  std::vector<answer> answers;
};

resolver::resolver() : shared_(std::make_shared<shared>()) {}
resolver::~resolver() = default;

void resolver::ask(const std::string& name_and_port) {
  resolve_in_background(name_and_port, [to = shared_, name_and_port](result<std::vector<std::string>> found) {
    std::lock_guard hold(to->lock);
    to->answers.push_back({name_and_port, std::move(found)});
  });
}

std::vector<resolver::answer> resolver::take() {
  std::lock_guard hold(shared_->lock);
  return std::exchange(shared_->answers, {});
}

} // namespace actord::net
