// Listening sockets: TCP on an IP literal, or a unix socket with owner and mode. Descriptors are non-blocking and
// close-on-exec and belong to the caller.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <string>

namespace actord::net {

struct listen_spec {
  std::string host;      // IP literal; "" for a unix socket
  int port = 0;          // 0: the kernel picks
  std::string unix_path;
  std::string unix_user, unix_group, unix_mode; // names or numbers, octal text; "" = as created
};

// A stale socket file (nobody accepts on it) is removed; one in use is an error.
result<int> open_listener(const listen_spec& s);
uint16_t bound_port(int fd); // 0 for a unix socket

struct accepted {
  int fd = -1;      // -1: nobody is waiting
  std::string peer; // IP literal, "" for a unix socket
  int failure = 0;  // errno when accepting failed for another reason than nobody waiting (EMFILE …)
};
// TCP_NODELAY is set.
accepted accept_one(int listener_fd);

} // namespace actord::net
