// The thread that closes intervals, reads the process's own figures, and sends what an interval gathered to statsd.
#include "runtime/base/thread_start.hpp"
#include "runtime/telemetry/registry.hpp"
#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <dirent.h>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace actord::telemetry {
namespace {

struct aggregator {
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false; // guarded by mutex
  int statsd = -1;
  std::thread thread;
};
std::optional<aggregator> running;

void read_process() {
  unsigned long pages = 0, resident = 0, shared = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident >> shared;
  auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  gauge("runtime.sys_bytes").set(static_cast<double>(resident) * page);
  gauge("runtime.alloc_bytes").set(static_cast<double>(resident - std::min(resident, shared)) * page);
  auto entries = [](const char* folder) {
    double n = 0;
    if (auto* d = ::opendir(folder)) {
      while (auto* e = ::readdir(d)) n += e->d_name[0] != '.';
      ::closedir(d);
    }
    return n;
  };
  gauge("runtime.num_goroutines").set(entries("/proc/self/task"));
  gauge("runtime.open_files").set(entries("/proc/self/fd"));
}

// One datagram per 1400 bytes, lines as statsd reads them. What is lost is lost.
void send_statsd(int fd) {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  std::string packet;
  auto put = [&](const metric_key& key, double value, const char* type) {
    auto line = fmt::format("{}:{}|{}\n", *type == 'g' ? r.gauge_name(key) : r.options.prefix + "." + key.name, value, type);
    if (packet.size() + line.size() > 1400) {
      (void)!::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      packet.clear();
    }
    packet += line;
  };
  for (auto& [key, m] : r.gauges)
    if (m.known()) put(key, m.value(), "g");
  for (auto& [key, m] : r.counters)
    if (m.finished.count > 0) put(key, m.finished.sum, "c");
  for (auto& [key, m] : r.samples)
    if (m.finished.count > 0) put(key, m.finished.mean(), "ms");
  if (!packet.empty()) (void)!::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void run(nanos interval) {
  using clock = std::chrono::system_clock;
  auto& a = *running;
  while (true) {
    read_process();
    auto since = clock::now().time_since_epoch();
    auto end = clock::time_point(std::chrono::duration_cast<clock::duration>(since / interval * interval + interval));
    {
      std::unique_lock lock(a.mutex);
      if (a.wake.wait_until(lock, end, [&] { return a.stopping; })) return;
    }
    close_interval(std::chrono::duration_cast<std::chrono::seconds>(end.time_since_epoch()).count());
    if (a.statsd >= 0) send_statsd(a.statsd);
  }
}

result<int> open_statsd(const std::string& text) {
  error bad{errc::bad_request, "statsd address \"" + text + "\" is not an IPv4 address with a port"};
  auto colon = text.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  if (colon == text.npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &to.sin_addr) != 1) return bad;
  unsigned port = 0;
  for (char c : text.substr(colon + 1)) port = c >= '0' && c <= '9' && port < 65536 ? port * 10 + static_cast<unsigned>(c - '0') : 65536;
  if (port == 0 || port > 65535) return bad;
  to.sin_port = htons(static_cast<uint16_t>(port));
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    if (fd >= 0) ::close(fd);
    return error{errc::internal, std::string("statsd: ") + std::strerror(errno)};
  }
  return fd;
}

} // namespace

status start_metrics(const metrics_options& o) {
  stop_metrics();
  int fd = -1;
  if (!o.statsd_address.empty()) {
    auto opened = open_statsd(o.statsd_address);
    if (!opened) return opened.err();
    fd = *opened;
  }
  {
    auto& r = registry::instance();
    std::lock_guard g(r.mutex);
    r.options = o;
  }
  running.emplace();
  running->statsd = fd;
  auto t = start_thread("metrics", [interval = o.interval] { run(interval); });
  if (!t) {
    if (fd >= 0) ::close(fd);
    running.reset();
    return t.err();
  }
  running->thread = std::move(*t);
  return {};
}

void stop_metrics() {
  if (!running) return;
  {
    std::lock_guard g(running->mutex);
    running->stopping = true;
  }
  running->wake.notify_all();
  running->thread.join();
  if (running->statsd >= 0) ::close(running->statsd);
  running.reset();
}

void reload_metrics(const std::vector<std::string>& prefix_filter, bool filter_default) {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  r.options.prefix_filter = prefix_filter;
  r.options.filter_default = filter_default;
}

} // namespace actord::telemetry
