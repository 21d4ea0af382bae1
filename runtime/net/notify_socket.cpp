#include "runtime/net/notify_socket.hpp"
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace actord::net {

notify_socket notify_socket::from_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  notify_socket out{address ? address : ""};
  ::unsetenv("NOTIFY_SOCKET");
  return out;
}

status notify_socket::tell(std::string_view message) const {
  if (address_.empty()) return {};
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if ((address_[0] != '/' && address_[0] != '@') || address_.size() >= sizeof at.sun_path)
    return error{errc::bad_request, "NOTIFY_SOCKET is neither a path nor @name of less than 108 bytes: " + address_};
  address_.copy(at.sun_path, address_.size());
  if (address_[0] == '@') at.sun_path[0] = '\0';
  const auto failed = [this] { return error{errc::internal, "NOTIFY_SOCKET " + address_ + ": " + std::strerror(errno)}; };
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed();
  const timeval patience{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const auto sent = ::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&at), length);
  status out = sent < 0 ? status(failed()) : status();
  ::close(fd);
  return out;
}

} // namespace actord::net
