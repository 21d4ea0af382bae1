#include "runtime/net/stream_socket.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <linux/sockios.h>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <system_error>
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

bool fill(endpoint& out, const std::string& ip, uint16_t port) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.length = sizeof(sockaddr_in);
    return true;
  }
  if (::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.length = sizeof(sockaddr_in6);
    return true;
  }
  return false;
}

error failed(const char* what, const std::string& address) {
  return error(errc::internal, std::string(what) + " " + address + ": " + std::strerror(errno));
}

bool is_any(const endpoint& e) {
  if (e.storage.ss_family == AF_INET) return reinterpret_cast<const sockaddr_in*>(&e.storage)->sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&e.storage)->sin6_addr);
}

} // namespace

result<endpoint> parse_endpoint(const std::string& address) {
  auto [ip, digits] = split(address);
  uint16_t port = 0;
  auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  endpoint out;
  if (bad != std::errc() || end != digits.data() + digits.size() || digits.empty() || !fill(out, ip, port))
    return error(errc::bad_request, "not an address: " + address);
  return out;
}

std::string format_endpoint(const std::string& ip, uint16_t port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

result<int> listen_on(const std::string& ip, uint16_t port) {
  const auto address = format_endpoint(ip, port);
  endpoint at;
  if (!fill(at, ip, port)) return error(errc::bad_request, "not an address to listen on: " + address);
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
  if (fill(from, source_ip, 0) && from.storage.ss_family == to->storage.ss_family && !is_any(from)) {
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

void resolve_in_background(const std::string& name_and_port, std::function<void(result<std::vector<std::string>>)> done) try {
  std::thread([done, name_and_port] {
    auto [host, port] = split(name_and_port);
    addrinfo hints{}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
    std::vector<std::string> found;
    for (auto* a = code == 0 ? list : nullptr; a != nullptr; a = a->ai_next) {
      char ip[INET6_ADDRSTRLEN] = "", digits[8] = "";
      if (::getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof ip, digits, sizeof digits, NI_NUMERICHOST | NI_NUMERICSERV) != 0) continue;
      found.push_back(std::string(ip).find(':') == std::string::npos ? std::string(ip) + ":" + digits : "[" + std::string(ip) + "]:" + digits);
    }
    if (list != nullptr) ::freeaddrinfo(list);
    if (code != 0) done(error(errc::not_found, ::gai_strerror(code)));
    else done(std::move(found));
  }).detach();
} catch (const std::system_error& e) { // no thread to be had
  done(error(errc::internal, e.what()));
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
