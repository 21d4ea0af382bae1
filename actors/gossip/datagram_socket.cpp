#include "actors/gossip/datagram_socket.hpp"
#include "runtime/net/household.hpp"
#include "runtime/net/listener.hpp"
#include "runtime/net/stream_socket.hpp"
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace actord::gossip {

namespace {

constexpr size_t packet_size = 64 << 10;
constexpr std::string_view mapped_prefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12}; // RFC 4291, 2.5.5.2
constexpr int kernel_buffer = 2 << 20; // memberlist's; the kernel may grant less

error failed(const char* what, const std::string& address) {
  return error(errc::internal, std::string(what) + " " + address + ": " + std::strerror(errno));
}

address address_of(const sockaddr_storage& s) {
  if (s.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(s);
    return {std::string(reinterpret_cast<const char*>(&v4.sin_addr), 4), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(s);
  std::string ip(reinterpret_cast<const char*>(&v6.sin6_addr), 16);
  if (ip.starts_with(mapped_prefix)) ip.erase(0, mapped_prefix.size());
  return {std::move(ip), ntohs(v6.sin6_port)};
}

// 0 when a socket of this family does not reach it.
socklen_t fill(sockaddr_storage& out, const address& to, int family) {
  out = {};
  if (family == AF_INET) {
    std::string_view ip = to.ip;
    if (ip.size() == 16 && ip.starts_with(mapped_prefix)) ip.remove_prefix(mapped_prefix.size());
    if (ip.size() != 4) return 0;
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(to.port);
    std::memcpy(&v4.sin_addr, ip.data(), 4);
    return sizeof v4;
  }
  const std::string ip = to.ip.size() == 4 ? std::string(mapped_prefix) + to.ip : to.ip;
  if (ip.size() != 16) return 0;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(to.port);
  std::memcpy(&v6.sin6_addr, ip.data(), 16);
  return sizeof v6;
}

} // namespace

result<std::unique_ptr<datagram_socket>> datagram_socket::open(const std::string& ip, uint16_t port) {
  const auto text = net::format_endpoint(ip, port);
  auto at = net::parse_endpoint(text);
  if (!at) return at.err();
  const int family = at->storage.ss_family;
  const int fd = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("cannot receive packets on", text);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kernel_buffer, sizeof kernel_buffer);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at->storage), at->length) != 0) {
    auto e = failed("cannot receive packets on", text);
    ::close(fd);
    return e;
  }
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    auto e = failed("cannot receive packets on", text);
    ::close(fd);
    return e;
  }
  return std::unique_ptr<datagram_socket>(new datagram_socket(fd, stop, family));
}

datagram_socket::~datagram_socket() {
  if (reader_.joinable()) {
    const uint64_t one = 1;
    (void)!::write(stop_, &one, sizeof one);
    reader_.join();
  }
  ::close(fd_);
  ::close(stop_);
  if (listener_ >= 0) ::close(listener_);
}

uint16_t datagram_socket::port() const { return net::port_of(fd_); }

uint64_t datagram_socket::dropped() const {
  std::array<uint32_t, SK_MEMINFO_VARS> figures{};
  socklen_t size = sizeof figures;
  const bool known = ::getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, figures.data(), &size) == 0 && size > SK_MEMINFO_DROPS * sizeof(uint32_t);
  return dropped_.load(std::memory_order_relaxed) + (known ? figures[SK_MEMINFO_DROPS] : 0);
}

void datagram_socket::start(sink to, int listener, connection_sink accepted) {
  listener_ = listener;
  accepted_ = std::move(accepted);
  reader_ = std::thread([this, to = std::move(to)] { read_loop(to); });
}

void datagram_socket::taken(const std::vector<datagram>& done) {
  size_t bytes = 0;
  for (const auto& d : done) {
    bytes += d.bytes.size() + cost;
    auto waits = waiting_of(d.with);
    waits.packets.fetch_sub(1, std::memory_order_relaxed);
    waits.bytes.fetch_sub(d.bytes.size() + cost, std::memory_order_relaxed);
  }
  waiting_.fetch_sub(bytes, std::memory_order_relaxed);
}

datagram_socket::counts datagram_socket::waiting_of(const address& from) {
  const auto household = std::hash<std::string_view>()(net::household_of_bytes(from.ip));
  return {by_source_[(household ^ (size_t{from.port} * 0x9e3779b97f4a7c15u >> 20)) % by_source_.size()], by_household_[household % by_household_.size()]};
}

bool datagram_socket::may_wait(const address& from, size_t size) {
  const size_t before = waiting_.load(std::memory_order_relaxed), takes = size + cost;
  auto same = waiting_of(from);
  const bool too_much = same.packets.load(std::memory_order_relaxed) >= share || same.bytes.load(std::memory_order_relaxed) + takes > household_share;
  if (before + takes > most_waiting || (before > flooded && too_much)) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  same.packets.fetch_add(1, std::memory_order_relaxed);
  same.bytes.fetch_add(takes, std::memory_order_relaxed);
  waiting_.fetch_add(takes, std::memory_order_relaxed);
  return true;
}

// Out of descriptors, or room: trying again at once would spin.
void datagram_socket::accept_some() {
  constexpr int without_descriptors = 100, without_room = 5;
  for (size_t n = 0; n < batch; ++n) {
    if (!accepted_.has_room()) {
      pause_ms_ = without_room;
      return;
    }
    const auto a = net::accept_one(listener_);
    if (a.fd >= 0) {
      accepted_.take(a.fd);
      continue;
    }
    if (a.failure == EMFILE || a.failure == ENFILE || a.failure == ENOBUFS || a.failure == ENOMEM) pause_ms_ = without_descriptors;
    return;
  }
}

void datagram_socket::read_loop(const sink& to) {
  // Not initialised: only pages that packets have reached take memory.
  const std::unique_ptr<char[]> buffers(new char[batch * packet_size]);
  std::array<sockaddr_storage, batch> from;
  std::array<iovec, batch> pieces;
  std::array<mmsghdr, batch> messages{};
  for (size_t i = 0; i < batch; ++i) {
    pieces[i] = {buffers.get() + i * packet_size, packet_size};
    messages[i].msg_hdr.msg_name = &from[i];
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  pollfd watched[3] = {{fd_, POLLIN, 0}, {stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
  for (;;) {
    const int pause = std::exchange(pause_ms_, 0);
    watched[2].fd = pause > 0 ? -1 : listener_;
    if (::poll(watched, 3, pause > 0 ? pause : -1) < 0 && errno != EINTR) return;
    if (watched[1].revents != 0) return;
    if (watched[2].fd >= 0 && watched[2].revents != 0) accept_some();
    if (watched[0].revents == 0) continue;
    for (auto& m : messages) m.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    const int n = ::recvmmsg(fd_, messages.data(), batch, MSG_DONTWAIT, nullptr);
    if (n <= 0) continue; // an ICMP error of something sent is of no interest
    std::vector<datagram> out;
    out.reserve(static_cast<size_t>(n));
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      const size_t size = messages[i].msg_len;
      if (size == 0) continue;
      auto source = address_of(from[i]);
      if (may_wait(source, size)) out.push_back({std::string(buffers.get() + i * packet_size, size), std::move(source)});
    }
    if (!out.empty()) to(std::move(out));
  }
}

size_t datagram_socket::send(std::span<const datagram> out) {
  size_t sent = 0;
  while (!out.empty()) {
    std::array<sockaddr_storage, batch> to;
    std::array<iovec, batch> pieces;
    std::array<mmsghdr, batch> messages{};
    size_t n = 0, looked = 0;
    for (; looked < out.size() && n < batch; ++looked) {
      const auto& d = out[looked];
      const socklen_t length = fill(to[n], d.with, family_);
      if (length == 0) continue;
      pieces[n] = {const_cast<char*>(d.bytes.data()), d.bytes.size()};
      messages[n].msg_hdr.msg_name = &to[n];
      messages[n].msg_hdr.msg_namelen = length;
      messages[n].msg_hdr.msg_iov = &pieces[n];
      messages[n].msg_hdr.msg_iovlen = 1;
      ++n;
    }
    out = out.subspan(looked);
    // One packet that cannot go does not hold up those behind it.
    for (size_t done = 0; done < n;) {
      const int now = ::sendmmsg(fd_, messages.data() + done, static_cast<unsigned>(n - done), MSG_DONTWAIT);
      if (now > 0) sent += static_cast<size_t>(now);
      done += now > 0 ? static_cast<size_t>(now) : 1;
    }
  }
  return sent;
}

} // namespace actord::gossip
