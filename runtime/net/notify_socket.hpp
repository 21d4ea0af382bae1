// What a service manager is told of this process, by systemd's protocol (Type=notify): each message is one datagram to the socket that
// NOTIFY_SOCKET names. Where none is named, nothing is sent.
#pragma once
#include "runtime/base/error.hpp"
#include <string>
#include <string_view>

namespace actord::net {

class notify_socket {
public:
  notify_socket() = default; // nobody listens
  // A path, or a name in the abstract namespace that begins with '@'.
  explicit notify_socket(std::string address) : address_(std::move(address)) {}
  // Takes NOTIFY_SOCKET out of the environment, so that scripts do not speak in our name: before there are threads.
  static notify_socket from_environment();

  // "READY=1\nSTATUS=…". Waits a second at most for a manager that is busy.
  status tell(std::string_view message) const;

private:
  std::string address_;
};

} // namespace actord::net
