#include "tests/bench/server_process.hpp"

#include "tests/bench/http_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace actord::bench {

namespace {

// What the signal handler may touch: plain slots, filled before a process can be interrupted.
constexpr int max_servers = 8;
volatile sig_atomic_t started_pids[max_servers];

void remember(pid_t pid) {
  for (auto& slot : started_pids)
    if (slot == 0) {
      slot = pid;
      return;
    }
}

void forget(pid_t pid) {
  for (auto& slot : started_pids)
    if (slot == pid) slot = 0;
}

extern "C" void on_signal(int) {
  for (auto& slot : started_pids)
    if (slot != 0) ::kill(slot, SIGKILL);
  static const char text[] = "\nstopped: the servers are killed\n";
  [[maybe_unused]] auto n = ::write(2, text, sizeof text - 1);
  ::_exit(130);
}

/// Different ports that are free for TCP and UDP just now. All are held until the last one is found, so that none is drawn twice.
template <std::size_t count> std::array<std::uint16_t, count> free_ports() {
  std::array<std::uint16_t, count> ports{};
  std::vector<int> held;
  for (std::size_t found = 0; found < count;) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int tcp = ::socket(AF_INET, SOCK_STREAM, 0), udp = ::socket(AF_INET, SOCK_DGRAM, 0);
    held.insert(held.end(), {tcp, udp});
    socklen_t size = sizeof address;
    const auto generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(tcp, generic, size) == 0 && ::getsockname(tcp, generic, &size) == 0 && ::bind(udp, generic, size) == 0)
      ports[found++] = ntohs(address.sin_port);
  }
  for (int fd : held) ::close(fd);
  return ports;
}

/// As many as the descriptors allow: Consul refuses to start with a limit that it could not keep.
std::uint64_t connection_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > 102'000 ? 100'000 : limit.rlim_cur > 2'000 ? limit.rlim_cur - 1'000 : 200;
}

double cpu_us_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  unsigned long long user = 0, system = 0;
  std::sscanf(text.c_str() + after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
  return static_cast<double>(user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double rss_kb_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr);
  return 0;
}

} // namespace

std::int64_t now_ns() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1'000'000'000LL + ts.tv_nsec;
}

void sleep_ms(int ms) { ::usleep(static_cast<useconds_t>(ms) * 1000); }

void kill_servers_on_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

server_process::server_process(std::string label, std::string program)
  : label_(std::move(label)), program_(std::move(program)) {}

server_process::server_process(std::string label, std::uint16_t http_port, std::uint16_t dns_port, std::vector<pid_t> pids)
  : label_(std::move(label)), pid_(pids.empty() ? 0 : pids.front()), foreign_pids_(std::move(pids)), foreign_(true),
    http_port_(http_port), dns_port_(dns_port) {}

server_process::~server_process() {
  if (foreign_) return;
  if (running()) {
    ::kill(pid_, SIGKILL);
    reap();
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

double server_process::start_fresh() {
  if (running()) {
    ::kill(pid_, SIGKILL);
    reap();
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  auto pattern = (std::filesystem::temp_directory_path() / "bench-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder: " + pattern);
  folder_ = pattern;
  const auto ports = free_ports<5>();
  http_port_ = ports[0];
  dns_port_ = ports[1];
  std::copy(ports.begin() + 2, ports.end(), other_ports_);
  launch();
  return wait_ready("/v1/status/leader", true);
}

double server_process::start_again(const std::string& path) {
  launch();
  return wait_ready(path, false);
}

void server_process::launch() {
  const std::vector<std::string> arguments{
    program_, "agent", "-server", "-bootstrap-expect=1", "-data-dir=" + folder_ + "/data", "-node=bench",
    "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=err", "-hcl",
    fmt::format("ports {{ http = {} dns = {} server = {} serf_lan = {} serf_wan = {} }}", http_port_, dns_port_,
                other_ports_[0], other_ports_[1], other_ports_[2]),
    "-hcl", fmt::format("limits {{ http_max_conns_per_client = {} }}", connection_limit())};
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const std::string log = folder_ + "/log";
  const pid_t parent = ::getpid();
  started_ns_ = now_ns();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setpgid(0, 0);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  pid_ = child;
  frozen_ = false;
  remember(child);
}

double server_process::wait_ready(const std::string& path, bool body_must_name_leader) {
  const auto deadline = started_ns_ + 120'000'000'000LL;
  while (now_ns() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      forget(pid_);
      pid_ = 0;
      throw std::runtime_error(fmt::format("{} ended before it was ready:\n{}", program_, log_end()));
    }
    http_client client(http_port_);
    if (client.connected()) {
      const auto answer = client.exchange("GET", path);
      if (answer.status == 200 && (!body_must_name_leader || answer.body.find(':') != std::string::npos))
        return static_cast<double>(now_ns() - started_ns_) / 1e6;
    }
    sleep_ms(2);
  }
  throw std::runtime_error(fmt::format("{} was not ready within two minutes:\n{}", program_, log_end()));
}

std::string server_process::log_end() const {
  std::ifstream file(folder_ + "/log");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

void server_process::reap() {
  ::waitpid(pid_, nullptr, 0);
  forget(pid_);
  pid_ = 0;
  frozen_ = false;
}

void server_process::stop() {
  if (foreign_ || !running()) return;
  thaw();
  ::kill(pid_, SIGTERM);
  for (int n = 0; n < 2000; ++n) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      forget(pid_);
      pid_ = 0;
      return;
    }
    sleep_ms(10);
  }
  ::kill(pid_, SIGKILL);
  reap();
}

void server_process::freeze() {
  if (foreign_ || !running() || frozen_) return;
  ::kill(pid_, SIGSTOP);
  frozen_ = true;
}

void server_process::thaw() {
  if (foreign_ || !running() || !frozen_) return;
  ::kill(pid_, SIGCONT);
  frozen_ = false;
}

void server_process::settle(double seconds) {
  const auto deadline = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  int calm = 0;
  while (running() && now_ns() < deadline && calm < 2) {
    const double before = cpu_us();
    sleep_ms(250);
    // Two ticks in a quarter of a second are what an idle agent's timers may take.
    calm = cpu_us() - before <= 20'000 ? calm + 1 : 0;
  }
}

double server_process::cpu_us() const {
  if (!running()) return 0;
  if (!foreign_) return cpu_us_of(pid_);
  double sum = 0;
  for (const pid_t pid : foreign_pids_) sum += cpu_us_of(pid);
  return sum;
}

double server_process::rss_kb() const {
  if (!running()) return 0;
  if (!foreign_) return rss_kb_of(pid_);
  double sum = 0;
  for (const pid_t pid : foreign_pids_) sum += rss_kb_of(pid);
  return sum;
}

} // namespace actord::bench
