#include "runtime/net/listener.hpp"
#include "runtime/net/stream_socket.hpp"
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace actord::net {
namespace {

constexpr int backlog = 8192; // the kernel caps it at net.core.somaxconn

error failed(const std::string& what, int number) { return {errc::internal, what + ": " + std::strerror(number)}; }

result<int> bind_and_listen(int fd, const sockaddr* address, socklen_t size, const std::string& name) {
  if (::bind(fd, address, size) != 0 || ::listen(fd, backlog) != 0) {
    int number = errno;
    ::close(fd);
    return failed("listen " + name + ": bind", number);
  }
  return fd;
}

result<int> open_tcp(const listen_spec& s) {
  endpoint at;
  if (!read_ip(s.host, static_cast<uint16_t>(s.port), at)) return error{errc::bad_request, "not an IP address to listen on: " + s.host};
  auto& storage = at.storage;
  int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", errno);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Go's "::" serves IPv4 as well.
  int only = 0;
  if (storage.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  std::string name = storage.ss_family == AF_INET6 ? "tcp [" + s.host + "]:" : "tcp " + s.host + ":";
  return bind_and_listen(fd, reinterpret_cast<sockaddr*>(&storage), at.length, name + std::to_string(s.port));
}

bool numeric(const std::string& s) { return !s.empty() && s.find_first_not_of("0123456789") == s.npos; }

status set_owner(const listen_spec& s) {
  uid_t user = static_cast<uid_t>(-1);
  gid_t group = static_cast<gid_t>(-1);
  char buffer[16384];
  if (numeric(s.unix_user)) {
    user = static_cast<uid_t>(std::stoul(s.unix_user));
  } else if (!s.unix_user.empty()) {
    passwd entry{}, *found = nullptr;
    if (::getpwnam_r(s.unix_user.c_str(), &entry, buffer, sizeof buffer, &found) != 0 || !found)
      return error{errc::bad_request, "unknown user " + s.unix_user};
    user = found->pw_uid;
  }
  if (numeric(s.unix_group)) {
    group = static_cast<gid_t>(std::stoul(s.unix_group));
  } else if (!s.unix_group.empty()) {
    struct group entry{}, *found = nullptr;
    if (::getgrnam_r(s.unix_group.c_str(), &entry, buffer, sizeof buffer, &found) != 0 || !found)
      return error{errc::bad_request, "unknown group " + s.unix_group};
    group = found->gr_gid;
  }
  if (user != static_cast<uid_t>(-1) || group != static_cast<gid_t>(-1))
    if (::chown(s.unix_path.c_str(), user, group) != 0) return failed("chown " + s.unix_path, errno);
  if (!s.unix_mode.empty()) {
    char* end = nullptr;
    unsigned long mode = std::strtoul(s.unix_mode.c_str(), &end, 8);
    if (*end != 0 || mode > 07777) return error{errc::bad_request, "invalid socket mode " + s.unix_mode};
    if (::chmod(s.unix_path.c_str(), static_cast<mode_t>(mode)) != 0) return failed("chmod " + s.unix_path, errno);
  }
  return {};
}

result<int> open_unix(const listen_spec& s) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (s.unix_path.size() >= sizeof address.sun_path) return error{errc::bad_request, "socket path too long: " + s.unix_path};
  std::memcpy(address.sun_path, s.unix_path.data(), s.unix_path.size());
  struct stat found{};
  if (::lstat(s.unix_path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return error{errc::bad_request, "not a socket: " + s.unix_path};
    int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool alive = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
    ::close(probe);
    if (alive) return failed("listen unix " + s.unix_path, EADDRINUSE);
    ::unlink(s.unix_path.c_str());
  }
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", errno);
  auto opened = bind_and_listen(fd, reinterpret_cast<sockaddr*>(&address), sizeof address, "unix " + s.unix_path);
  if (!opened) return opened;
  if (auto owned = set_owner(s); !owned) {
    ::close(fd);
    return owned.err();
  }
  return fd;
}

} // namespace

result<int> open_listener(const listen_spec& s) { return s.unix_path.empty() ? open_tcp(s) : open_unix(s); }

uint16_t bound_port(int fd) {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) return 0;
  if (a.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&a)->sin_port);
  if (a.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&a)->sin6_port);
  return 0;
}

accepted accept_one(int listener_fd) {
  accepted out;
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  out.fd = ::accept4(listener_fd, reinterpret_cast<sockaddr*>(&a), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (out.fd < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) out.failure = errno;
    return out;
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (a.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&a)->sin_addr, text, sizeof text);
  } else if (a.ss_family == AF_INET6) {
    auto& ip = reinterpret_cast<sockaddr_in6*>(&a)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) ::inet_ntop(AF_INET, ip.s6_addr + 12, text, sizeof text);
    else ::inet_ntop(AF_INET6, &ip, text, sizeof text);
  }
  if (a.ss_family != AF_UNIX) {
    int on = 1;
    ::setsockopt(out.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  out.peer = text;
  return out;
}

} // namespace actord::net
