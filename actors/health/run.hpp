// One run of one check: an object of the check loop's thread that does its I/O without blocking and says one verdict.
// Runs own their descriptors and processes; abort() gives everything back without a verdict.
#pragma once
#include "actors/health/core/check_rules.hpp"
#include "runtime/net/io_loop.hpp"
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <vector>

namespace actord::health {

struct dial_target {
  sockaddr_storage address{};
  socklen_t length = 0;
  std::string text; // "127.0.0.1:80"
};

// Name → addresses, answered in the loop's thread (at once for literals and "localhost"). The error is what Go's dialler
// says after "dial tcp: ".
using resolved = std::function<void(result<std::vector<dial_target>>)>;
using resolve_function = std::function<void(const std::string& host, uint16_t port, resolved done)>;

struct tls_settings {
  bool use_agent_identity = false; // enable_agent_tls_for_checks: the files below
  std::string ca_file, ca_path, cert_file, key_file;
};

// Processes that were killed and not yet seen to end. One in the kernel's uninterruptible sleep (a hung file system) never may: nobody
// waits for it.
class killed_processes {
public:
  explicit killed_processes(net::io_loop& loop) : loop_(loop) {}
  ~killed_processes() { loop_.cancel(timer_); }
  void take(pid_t p);
  size_t size() const { return all_.size(); }
  bool is_full() const { return all_.size() >= 256; }

private:
  void look();
  net::io_loop& loop_;
  std::vector<pid_t> all_;
  net::timer_id timer_ = 0;
};

class script_starts; // script_start.hpp
class tls_contexts;  // tls_contexts.hpp

struct run_context {
  net::io_loop* loop = nullptr;
  resolve_function resolve;
  tls_contexts* tls = nullptr;
  size_t output_cap = default_output_cap;
  killed_processes* killed = nullptr;
  script_starts* scripts = nullptr;
};

class check_run : public std::enable_shared_from_this<check_run> {
public:
  using done_function = std::function<void(verdict)>;
  virtual ~check_run() = default;
  virtual void start() = 0;
  virtual void abort() = 0;
};

// The run for the check's kind; null for kinds that are not run here (ttl, alias, maintenance).
std::shared_ptr<check_run> make_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done);

std::shared_ptr<check_run> make_tcp_run(run_context&, std::shared_ptr<const check_registration>, check_run::done_function);
std::shared_ptr<check_run> make_http_run(run_context&, std::shared_ptr<const check_registration>, check_run::done_function);
std::shared_ptr<check_run> make_script_run(run_context&, std::shared_ptr<const check_registration>, check_run::done_function);
std::shared_ptr<check_run> make_grpc_run(run_context&, std::shared_ptr<const check_registration>, check_run::done_function);

} // namespace actord::health
