#include "tests/bench/cluster_pace.hpp"

#include "tests/bench/load.hpp"
#include "tests/bench/server_process.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace actord::bench {

namespace {

constexpr std::uint64_t keys = 10'000;

/// What was answered since the last line.
struct window {
  std::mutex lock;
  std::vector<double> times_us;
  std::uint64_t failures = 0;
};

class connection {
public:
  explicit connection(const sockaddr_in& to) : to_(to) {}
  ~connection() { drop(); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// False when there is no good answer within five seconds.
  bool exchange(const std::string& request) {
    if (!connect()) return false;
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return drop();
    reader_.reset();
    char buffer[4096];
    while (!reader_.done()) {
      const auto n = ::recv(socket_, buffer, sizeof buffer, 0);
      if (n <= 0) return drop();
      reader_.feed({buffer, static_cast<std::size_t>(n)});
      if (reader_.broken()) return drop();
    }
    return reader_.answer().status == 200;
  }

private:
  bool connect() {
    if (socket_ >= 0) return true;
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{5, 0};
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) == 0 || drop();
  }
  bool drop() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    return false;
  }

  sockaddr_in to_;
  int socket_ = -1;
  answer_reader reader_;
};

void sleep_until(std::int64_t ns) {
  const auto left = ns - now_ns();
  if (left > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(left));
}

void put_at_pace(const sockaddr_in& to, const pace_plan& plan, int number, std::int64_t begin, std::int64_t end, window& out) {
  connection c(to);
  const auto step = 1e9 / plan.rate;
  for (auto n = static_cast<std::uint64_t>(number);; n += static_cast<std::uint64_t>(plan.width)) {
    const auto due = begin + static_cast<std::int64_t>(static_cast<double>(n) * step);
    if (due >= end) return;
    sleep_until(due);
    auto value = fmt::format("{}", n);
    value.resize(std::max(plan.bytes, value.size()), '.');
    const bool good = c.exchange(request_text("PUT", fmt::format("/v1/kv/pace/{}", n * 7919 % keys), value));
    const auto took = static_cast<double>(now_ns() - due) / 1000;
    std::lock_guard hold(out.lock);
    out.times_us.push_back(took);
    if (!good) ++out.failures;
  }
}

void print(const std::string& label, std::vector<double>& times, std::uint64_t failures, bool samples) {
  const auto count = times.size();
  fmt::print("{} {} {} {:.0f} {:.0f} {:.0f}", label, count, failures, percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1));
  for (std::size_t n = 0; samples && n < count; ++n) fmt::print("{}{:.0f}", n == 0 ? " " : ",", times[n]);
  fmt::print("\n");
  std::fflush(stdout);
}

} // namespace

int pace(const std::string& address, const pace_plan& plan, double seconds) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  if (colon == std::string::npos || ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1 || plan.rate <= 0 || plan.width <= 0)
    throw std::invalid_argument("pace needs --addr IPV4:PORT, a rate and a width");
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1))));
  const auto begin = now_ns() + 10'000'000, end = begin + static_cast<std::int64_t>(seconds * 1e9);
  window now, all;
  std::vector<std::thread> threads;
  std::atomic<int> running = plan.width;
  for (int n = 0; n < plan.width; ++n)
    threads.emplace_back([&, n] {
      put_at_pace(to, plan, n, begin, end, now);
      --running;
    });
  for (int second = 1; running > 0; ++second) {
    sleep_until(begin + second * 1'000'000'000LL);
    std::vector<double> times;
    std::uint64_t failures = 0;
    {
      std::lock_guard hold(now.lock);
      times.swap(now.times_us);
      failures = std::exchange(now.failures, 0);
    }
    if (times.empty()) continue;
    print(std::to_string(second), times, failures, plan.samples);
    all.times_us.insert(all.times_us.end(), times.begin(), times.end());
    all.failures += failures;
  }
  for (auto& thread : threads) thread.join();
  all.times_us.insert(all.times_us.end(), now.times_us.begin(), now.times_us.end());
  print("all", all.times_us, all.failures + now.failures, false);
  return 0;
}

} // namespace actord::bench
