// Sockets for calls to servers: nothing here waits for the network.
#pragma once
#include "runtime/base/error.hpp"

namespace actord::rpc {

// A descriptor on its way to being connected to "ip:port" (IPv6 in brackets), the caller's. It comes from source_ip
// unless that is empty, any address, or of the other family.
result<int> start_dial(const std::string& address, const std::string& source_ip);
// Bytes end, both ways; CAF may close the descriptor later.
void shut(int fd);

} // namespace actord::rpc
