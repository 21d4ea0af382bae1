// Sockets of connections between nodes: none of these calls waits for the network. Addresses are "ip:port" with IPv6 in brackets.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace actord::net {

struct endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// "10.0.0.1", "fe80::1", and "fe80::1%eth0" or "fe80::1%2" (RFC 4007 section 11; an interface that is not there makes it unreachable).
bool read_ip(const std::string& ip, uint16_t port, endpoint& out);
// Without the zone, which means nothing to others: for a Host header or a certificate.
std::string without_zone(const std::string& ip);
result<endpoint> parse_endpoint(const std::string& address);
std::string format_endpoint(const std::string& ip, uint16_t port);

// A listening, non-blocking descriptor, the caller's; port 0 takes a free one. The error names the address.
result<int> listen_on(const std::string& ip, uint16_t port);
uint16_t port_of(int listener);

// A descriptor on its way to being connected, the caller's. It comes from source_ip unless that is empty, any address, or of
// the other family.
result<int> start_dial(const std::string& address, const std::string& source_ip);
// No delay for small writes, and the kernel gives up on bytes nobody acknowledges.
void tune(int fd);

// Bytes written to a connection that the other side's kernel has not acknowledged.
uint64_t unacknowledged(int fd);

// Resolves "name:port" into "ip:port"s in the loop that the process has for that, and calls `done` there.
void resolve_in_background(const std::string& name_and_port, std::function<void(result<std::vector<std::string>>)> done);

// Resolves names in the background; nobody waits for it, so a silent name server does not hold up the end of the actor system.
class resolver {
public:
  resolver();
  ~resolver();
  void ask(const std::string& name_and_port);
  struct answer {
    std::string name;
    result<std::vector<std::string>> addresses; // "ip:port"
  };
  std::vector<answer> take();

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace actord::net
