#pragma once
// One agent process under measurement: started as a durable single server with ports of its own, watched through
// /proc, and killed at the end in every case.

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace actord::bench {

/// Owns the process and its data directory; both are gone after the destructor. Not copyable: the pid is the identity.
class server_process {
public:
  /// `program` is the binary; nothing is started yet. `label` is what tables call it.
  server_process(std::string label, std::string program);
  /// A server that somebody else runs: never started, stopped or cleaned up here. CPU and memory are those of all `pids`
  /// (of all servers of its cluster, say); none means no figures.
  server_process(std::string label, std::uint16_t http_port, std::uint16_t dns_port, std::vector<pid_t> pids);
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  /// Starts on a fresh data directory with fresh ports; returns the milliseconds until /v1/status/leader told a leader.
  /// Throws std::runtime_error with the end of the log when it ends early or is not ready within two minutes.
  double start_fresh();
  /// Starts again on the directory and ports of before; returns the milliseconds until a GET of `path` gave 200.
  double start_again(const std::string& path);
  /// SIGTERM, and SIGKILL after 20 seconds.
  void stop();
  /// SIGSTOP and SIGCONT, so that the one which is not measured takes nothing of the machine.
  void freeze();
  void thaw();
  /// Waits until the process uses next to no CPU (at most `seconds`).
  void settle(double seconds = 15);

  bool running() const { return pid_ > 0; }
  const std::string& label() const { return label_; }
  std::uint16_t http_port() const { return http_port_; }
  std::uint16_t dns_port() const { return dns_port_; }
  /// The server port; 0 of a server that somebody else runs.
  std::uint16_t rpc_port() const { return other_ports_[0]; }
  /// User and system time of all threads so far, microseconds; resolution is the kernel's clock tick.
  double cpu_us() const;
  /// Resident memory, kilobytes.
  double rss_kb() const;

private:
  void launch();
  double wait_ready(const std::string& path, bool body_must_name_leader);
  void reap();
  std::string log_end() const;

  std::string label_;
  std::string program_;
  std::string folder_;
  pid_t pid_ = 0;
  std::vector<pid_t> foreign_pids_;
  bool foreign_ = false;
  bool frozen_ = false;
  std::uint16_t http_port_ = 0;
  std::uint16_t dns_port_ = 0;
  std::uint16_t other_ports_[3] = {0, 0, 0};
  std::int64_t started_ns_ = 0;
};

/// Installs handlers of SIGINT and SIGTERM that kill every started server and remove what it wrote, then end.
void kill_servers_on_signals();

/// Nanoseconds of the monotonic clock.
std::int64_t now_ns();
void sleep_ms(int ms);

} // namespace actord::bench
