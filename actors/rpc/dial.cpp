#include "actors/rpc/dial.hpp"
#include "runtime/net/stream_socket.hpp"
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace actord::rpc {

namespace {

error failed(const std::string& address) { return {errc::internal, "dial tcp " + address + ": " + std::strerror(errno)}; }

} // namespace

result<int> start_dial(const std::string& address, const std::string& source_ip) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon == address.npos ? 0 : colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  net::endpoint to, from;
  if (port == 0 || !net::read_ip(host, port, to)) return error{errc::bad_request, "not an address: " + address};
  const int fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(address);
  const int on = 1;
  const unsigned unacknowledged_ms = 15000;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  if (source_ip != "0.0.0.0" && source_ip != "::" && net::read_ip(source_ip, 0, from) && from.storage.ss_family == to.storage.ss_family) {
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    // Best effort: a connection from another address of ours is better than none.
    (void)!::bind(fd, reinterpret_cast<const sockaddr*>(&from.storage), from.length);
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.length) == 0 || errno == EINPROGRESS) return fd;
  auto e = failed(address);
  ::close(fd);
  return e;
}

void shut(int fd) { ::shutdown(fd, SHUT_RDWR); }

} // namespace actord::rpc
