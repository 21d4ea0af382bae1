// A thread's UDP socket: takes up to 64 questions with one call, answers them straight into one buffer, and sends the
// answers with one call.
#include "api/dns/dns_thread.hpp"
#include <array>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::dns {
namespace {

constexpr size_t batch = 64;
constexpr size_t largest_question = 4096;   // bytes; a longer one is refused as malformed
constexpr size_t arena_size = 256 * 1024;   // answers of a batch; flushed early when a large answer needs the room
constexpr int batches_per_event = 4;        // then the loop's other work has its turn

class udp_socket : public net::io_handler {
public:
  udp_socket(dns_thread& t, int fd, bool wildcard) : thread_(t), fd_(fd), wildcard_(wildcard), questions_(batch * largest_question), arena_(arena_size) {
    for (size_t i = 0; i < batch; ++i) in_vectors_[i] = {questions_.data() + i * largest_question, largest_question};
  }
  ~udp_socket() override {
    thread_.loop().unwatch(fd_, this);
    ::close(fd_);
  }

  void on_io(uint32_t) override {
    for (int i = 0; i < batches_per_event; ++i)
      if (!take_batch()) return;
  }

  // For answers that waited for a recursor.
  void send_one(byte_view message, const sockaddr_storage& to, socklen_t length) {
    ::sendto(fd_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
  }

private:
  struct control_buffer {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  };

  // False when no full batch was there.
  bool take_batch() {
    for (size_t i = 0; i < batch; ++i) {
      auto& h = in_[i].msg_hdr;
      h = {};
      h.msg_name = &from_[i];
      h.msg_namelen = sizeof from_[i];
      h.msg_iov = &in_vectors_[i];
      h.msg_iovlen = 1;
      if (wildcard_) {
        h.msg_control = control_[i].bytes.data();
        h.msg_controllen = control_[i].bytes.size();
      }
    }
    int n = ::recvmmsg(fd_, in_.data(), batch, MSG_DONTWAIT, nullptr);
    if (n <= 0) return false;
    thread_.begin_batch();
    used_ = out_count_ = 0;
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) answer(i);
    flush();
    thread_.end_batch();
    return static_cast<size_t>(n) == batch;
  }

  void answer(size_t i) {
    if (arena_.size() - used_ < max_message) flush();
    size_t length = in_[i].msg_hdr.msg_flags & MSG_TRUNC ? header_size : in_[i].msg_len;
    byte_view packet{questions_.data() + i * largest_question, length};
    size_t size = thread_.answer(packet, true, std::span(arena_).subspan(used_, max_message), [&, i]() -> dns_thread::reply_function {
      return [this, to = from_[i], name_length = in_[i].msg_hdr.msg_namelen](byte_view message) { send_one(message, to, name_length); };
    });
    if (size == 0) return;
    out_vectors_[out_count_] = {arena_.data() + used_, size};
    auto& h = out_[out_count_].msg_hdr;
    h = {};
    h.msg_name = &from_[i];
    h.msg_namelen = in_[i].msg_hdr.msg_namelen;
    h.msg_iov = &out_vectors_[out_count_];
    h.msg_iovlen = 1;
    if (wildcard_ && in_[i].msg_hdr.msg_controllen != 0) answer_from_where_it_came(i, h);
    used_ += size;
    ++out_count_;
  }

  // On a wildcard address the answer must leave from the address that was asked; the packet's own note says which.
  void answer_from_where_it_came(size_t i, msghdr& h) {
    auto* note = CMSG_FIRSTHDR(&in_[i].msg_hdr);
    if (!note) return;
    if (note->cmsg_level == IPPROTO_IP && note->cmsg_type == IP_PKTINFO) {
      in_pktinfo where;
      std::memcpy(&where, CMSG_DATA(note), sizeof where);
      where.ipi_ifindex = 0;
      where.ipi_spec_dst = where.ipi_addr;
      std::memcpy(CMSG_DATA(note), &where, sizeof where);
    } else if (note->cmsg_level != IPPROTO_IPV6 || note->cmsg_type != IPV6_PKTINFO) {
      return;
    }
    h.msg_control = in_[i].msg_hdr.msg_control;
    h.msg_controllen = in_[i].msg_hdr.msg_controllen;
  }

  // What the kernel does not take now is dropped, as UDP may.
  void flush() {
    for (size_t sent = 0; sent < out_count_;) {
      int n = ::sendmmsg(fd_, out_.data() + sent, static_cast<unsigned>(out_count_ - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
      sent += n > 0 ? static_cast<size_t>(n) : 1; // an answer that cannot be sent does not hold up the others
    }
    used_ = out_count_ = 0;
  }

  dns_thread& thread_;
  int fd_;
  bool wildcard_;
  std::vector<uint8_t> questions_, arena_;
  std::array<mmsghdr, batch> in_{}, out_{};
  std::array<iovec, batch> in_vectors_{}, out_vectors_{};
  std::array<sockaddr_storage, batch> from_{};
  std::array<control_buffer, batch> control_{};
  size_t used_ = 0, out_count_ = 0;
};

} // namespace

result<uint16_t> listen_udp(dns_thread& t, const std::string& host, uint16_t port) {
  sockaddr_storage address{};
  socklen_t length = 0;
  if (!socket_address(host, port, address, length)) return error{errc::internal, "\"" + host + "\" is not an IP address"};
  int fd = ::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error{errc::internal, std::string("socket: ") + std::strerror(errno)};
  int on = 1, size = 4 << 20;
  bool v6 = address.ss_family == AF_INET6, wildcard = host == "0.0.0.0" || host == "::";
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (wildcard) ::setsockopt(fd, v6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP}, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    error e{errc::internal, "listen udp " + host + ":" + std::to_string(port) + ": bind: " + std::strerror(errno)};
    ::close(fd);
    return e;
  }
  auto handler = std::make_unique<udp_socket>(t, fd, wildcard);
  if (auto s = t.loop().watch(fd, EPOLLIN, handler.get()); !s) return s.err();
  t.adopt(std::move(handler));
  return bound_port(fd);
}

} // namespace actord::dns
