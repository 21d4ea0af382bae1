#include "tests/bench/beside.hpp"

#include "tests/bench/load.hpp"
#include "tests/bench/server_process.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace actord::bench {

namespace {

constexpr int good_clients = 4;
constexpr auto pause = std::chrono::milliseconds(2); // between questions
constexpr auto patience = std::chrono::seconds(2);   // for an answer
constexpr const char *greedy_ip = "127.0.0.2", *good_ip = "127.0.0.3";

struct speech {
  int type = SOCK_STREAM;
  std::string first, request; // once per connection; each time
};

std::string framed(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} + message;
}

speech speech_of(const std::string& kind) {
  if (kind == "http") return {SOCK_STREAM, "", "GET /v1/kv/k?raw HTTP/1.1\r\nHost: a\r\n\r\n"};
  if (kind == "rpc") return {SOCK_STREAM, std::string(1, '\0'), "\x82\xa3Seq\x01\xadServiceMethod\xabStatus.Ping\x80"};
  if (kind == "dns-tcp") return {SOCK_STREAM, "", framed(dns_question("consul.service.consul", 1))};
  if (kind == "dns-udp") return {SOCK_DGRAM, "", dns_question("consul.service.consul", 1)};
  throw std::invalid_argument("no such kind: " + kind);
}

sockaddr_in address_of(const char* ip, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, ip, &out.sin_addr);
  return out;
}

int connect_from(const char* ip, const speech& how, std::uint16_t port) {
  const int socket = ::socket(AF_INET, how.type | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (how.type == SOCK_STREAM) ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto own = address_of(ip, 0), to = address_of("127.0.0.1", port);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 || ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      (!how.first.empty() && ::send(socket, how.first.data(), how.first.size(), MSG_NOSIGNAL) < 0)) {
    ::close(socket);
    throw std::runtime_error(fmt::format("cannot connect to port {}", port));
  }
  return socket;
}

/// One thread for all of them.
class greedy {
public:
  greedy(std::uint16_t port, const speech& how, int count) : how_(how) {
    for (int n = 0; n < count; ++n) sockets_.push_back(connect_from(greedy_ip, how, port));
    if (count > 0) thread_ = std::thread([this] { how_.type == SOCK_STREAM ? pipeline() : flood(); });
  }
  ~greedy() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    for (const int socket : sockets_) ::close(socket);
  }
  greedy(const greedy&) = delete;
  greedy& operator=(const greedy&) = delete;

private:
  void pipeline() {
    std::string blob;
    while (blob.size() < 64 << 10) blob += how_.request;
    std::vector<std::size_t> at(sockets_.size());
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::uint32_t n = 0; n < sockets_.size(); ++n) {
      epoll_event event{EPOLLIN | EPOLLOUT, {.u32 = n}};
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, sockets_[n], &event);
    }
    std::vector<char> buffer(256 << 10);
    epoll_event events[64];
    while (!stop_) {
      const int ready = ::epoll_wait(epoll, events, 64, 100);
      for (int e = 0; e < ready; ++e) {
        const auto n = events[e].data.u32;
        if (events[e].events & EPOLLIN) (void)!::recv(sockets_[n], buffer.data(), buffer.size(), MSG_DONTWAIT);
        const auto sent = ::send(sockets_[n], blob.data() + at[n], blob.size() - at[n], MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) at[n] = (at[n] + static_cast<std::size_t>(sent)) % blob.size();
        if (sent < 0 && errno != EAGAIN) ::epoll_ctl(epoll, EPOLL_CTL_DEL, sockets_[n], nullptr);
      }
    }
    ::close(epoll);
  }

  void flood() {
    constexpr unsigned batch = 64;
    iovec part{how_.request.data(), how_.request.size()};
    mmsghdr out[batch] = {};
    for (auto& m : out) m.msg_hdr.msg_iov = &part, m.msg_hdr.msg_iovlen = 1;
    char space[512];
    iovec to{space, sizeof space};
    mmsghdr in[batch] = {};
    for (auto& m : in) m.msg_hdr.msg_iov = &to, m.msg_hdr.msg_iovlen = 1;
    while (!stop_)
      for (const int socket : sockets_) {
        (void)!::sendmmsg(socket, out, batch, MSG_DONTWAIT);
        while (::recvmmsg(socket, in, batch, MSG_DONTWAIT, nullptr) == static_cast<int>(batch)) {}
      }
  }

  speech how_;
  std::vector<int> sockets_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct fared {
  std::mutex lock;
  std::vector<double> times_ms;
  std::uint64_t lost = 0;
  std::atomic<std::uint64_t> ended = 0;
};

/// How many bytes the answer has; it is the same each time.
std::size_t answer_size(std::uint16_t port, const speech& how) {
  const int socket = connect_from(good_ip, how, port);
  (void)!::send(socket, how.request.data(), how.request.size(), MSG_NOSIGNAL);
  const timeval wait{0, 300'000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  char buffer[4096];
  std::size_t size = 0;
  for (ssize_t n = 0; (n = ::recv(socket, buffer, sizeof buffer, 0)) > 0;) size += static_cast<std::size_t>(n);
  ::close(socket);
  if (size == 0) throw std::runtime_error("no answer");
  return size;
}

void ask(std::uint16_t port, speech how, std::size_t size, std::int64_t end, fared& out) {
  int socket = connect_from(good_ip, how, port);
  const timeval wait{patience.count(), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  const bool packets = how.type == SOCK_DGRAM;
  std::vector<double> times;
  std::uint64_t lost = 0;
  std::uint16_t id = 0;
  char buffer[4096];
  for (bool good = true; good && now_ns() < end; std::this_thread::sleep_for(pause)) {
    if (packets) how.request[0] = static_cast<char>(++id >> 8), how.request[1] = static_cast<char>(id);
    const auto sent = now_ns();
    good = ::send(socket, how.request.data(), how.request.size(), MSG_NOSIGNAL) > 0;
    for (std::size_t left = size; good && left > 0;) {
      const auto n = ::recv(socket, buffer, packets ? sizeof buffer : std::min(left, sizeof buffer), 0);
      if (packets && n >= 2 && std::string_view(buffer, 2) != std::string_view(how.request).substr(0, 2)) continue; // to one that was given up
      if (packets && n < 0) {
        ++lost;
        break;
      }
      good = n > 0;
      if (good) left -= packets ? left : static_cast<std::size_t>(n);
    }
    if (good) times.push_back(static_cast<double>(now_ns() - sent) / 1e6);
    else ++out.ended;
  }
  ::close(socket);
  std::lock_guard hold(out.lock);
  out.times_ms.insert(out.times_ms.end(), times.begin(), times.end());
  out.lost += lost;
}

} // namespace

int beside(std::uint16_t port, const std::string& kind, double seconds, const std::vector<int>& greedy_counts) {
  const auto how = speech_of(kind);
  const auto size = answer_size(port, how);
  fmt::print("{:<8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6} {:>6}\n", "kind", "greedy", "asked", "p50 ms", "p90 ms", "p99 ms", "worst ms", "lost", "ended");
  for (const int count : greedy_counts) {
    fared found;
    {
      greedy others(port, how, count);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      const auto end = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
      std::vector<std::thread> good;
      for (int n = 0; n < good_clients; ++n) good.emplace_back([&] { ask(port, how, size, end, found); });
      for (auto& one : good) one.join();
    }
    const auto at = [&](double share) { return percentile(found.times_ms, share); };
    fmt::print("{:<8} {:>7} {:>9} {:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>6} {:>6}\n", kind, count, found.times_ms.size(), at(0.5), at(0.9), at(0.99), at(1), found.lost,
               found.ended.load());
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return 0;
}

} // namespace actord::bench
