// Looks names up in a loop's thread without waiting for anybody: /etc/hosts, then the name servers and search domains of
// /etc/resolv.conf, as /etc/nsswitch.conf orders them (c-ares). A name whose servers never answer holds up nobody else.
#pragma once
#include "runtime/net/io_loop.hpp"
#include "runtime/net/stream_socket.hpp"
#include <map>

struct ares_addrinfo;

namespace actord::net {

class name_resolver {
public:
  // Addresses without a port, the best first (RFC 6724). The error is what Go says after "lookup NAME: ".
  using done = std::function<void(result<std::vector<endpoint>>)>;

  // `servers`: "ip:port,…" instead of the system's.
  explicit name_resolver(io_loop& loop, std::string servers = {}) : loop_(loop), servers_(std::move(servers)) {}
  ~name_resolver(); // whoever still waits is told nothing
  name_resolver(const name_resolver&) = delete;

  // In the loop's thread. `d` may be called before this returns. Who asks for what is being looked up shares the answer.
  void ask(const std::string& name, done d);
  size_t under_way() const { return asked_.size(); }

private:
  class channel;
  struct question {
    name_resolver* owner;
    channel* with;
    std::string name;
    std::vector<done> who;
  };
  channel* current();
  static void answered(void* q, int status, int timeouts, ares_addrinfo* found);
  void settle(const std::string& name, const result<std::vector<endpoint>>& found);

  io_loop& loop_;
  std::string servers_;
  std::map<std::string, std::unique_ptr<question>> asked_;
  std::vector<std::shared_ptr<channel>> channels_; // the newest last; others end what they have begun
  io_loop::clock::time_point looked_{};            // at the configuration
  bool ending_ = false;
};

} // namespace actord::net
