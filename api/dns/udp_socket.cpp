// A thread's UDP socket: takes up to 64 questions with one call, answers them straight into one buffer, and sends the
// answers with one call. When more come than can be answered, they are read faster than they are answered, and their sources take turns; of whoever
// sends more than can be read the kernel drops a part (source_filter).
#include "api/dns/core/fair_slots.hpp"
#include "api/dns/dns_thread.hpp"
#include "api/dns/source_filter.hpp"
#include "runtime/net/listener.hpp"
#include <array>
#include <cstring>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::dns {
namespace {

constexpr size_t batch = 64;
constexpr size_t largest_question = 4096;   // bytes; a longer one is refused as malformed
constexpr size_t arena_size = 256 * 1024;   // answers of a batch; flushed early when a large answer needs the room
constexpr int batches_per_event = 2;        // then the loop's other work has its turn; who has more waiting is flooded
constexpr uint32_t most_waiting = 2048;     // questions of a flood, which the kernel would otherwise drop whosever they are
constexpr int flood_batches = 8;            // read per turn, so that what is dropped is dropped here
constexpr size_t flood_answers = 64;        // made per turn
constexpr auto turn_time = std::chrono::milliseconds(1); // of answering, where questions are laborious
constexpr nanos flood_memory = std::chrono::seconds(10);
constexpr nanos press_every = std::chrono::milliseconds(1), ease_every = std::chrono::milliseconds(100);

struct control_buffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
};

uint64_t source_of(const sockaddr_storage& a) {
  uint64_t source = 0;
  if (a.ss_family == AF_INET) return reinterpret_cast<const sockaddr_in&>(a).sin_addr.s_addr;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(a).sin6_addr;
  std::memcpy(&source, &six, sizeof source); // a /64 is one household
  if (source == 0) std::memcpy(&source, six.s6_addr + sizeof source, sizeof source); // an address of IPv4 in IPv6's form
  return source;
}

ip_address address_of(const sockaddr_storage& a) {
  ip_address out;
  out.family = a.ss_family == AF_INET ? 4 : 6;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(a).sin6_addr;
  if (out.family == 4) std::memcpy(out.bytes.data(), &reinterpret_cast<const sockaddr_in&>(a).sin_addr, 4);
  else std::memcpy(out.bytes.data(), &six, 16);
  if (out.family == 6 && IN6_IS_ADDR_V4MAPPED(&six)) {
    out = {};
    out.family = 4;
    std::memcpy(out.bytes.data(), six.s6_addr + 12, 4);
  }
  return out;
}

class udp_socket : public net::io_handler {
public:
  udp_socket(dns_thread& t, int fd, bool wildcard) : thread_(t), fd_(fd), wildcard_(wildcard), questions_(batch * largest_question), arena_(arena_size) {
    for (size_t i = 0; i < batch; ++i) in_vectors_[i] = {questions_.data() + i * largest_question, largest_question};
  }
  ~udp_socket() override {
    end_flood();
    thread_.loop().unwatch(fd_, this);
    ::close(fd_);
  }

  void on_io(uint32_t) override {
    if (flood_ && flood_->posted) return; // has its turn in this iteration
    const auto until = net::io_loop::clock::now() + turn_time;
    for (int i = 0; i < batches_per_event; ++i)
      if (!take_batch(until)) return;
    begin_flood();
    take_flood();
  }

  // For answers that waited.
  void send_one(byte_view message, sockaddr_storage to, socklen_t length, control_buffer control, size_t control_length) {
    iovec bytes{const_cast<uint8_t*>(message.data()), message.size()};
    msghdr h{};
    h.msg_name = &to;
    h.msg_namelen = length;
    h.msg_iov = &bytes;
    h.msg_iovlen = 1;
    if (control_length != 0) answer_from_where_it_came(control.bytes.data(), control_length, h);
    ::sendmsg(fd_, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

private:
  struct waiting_question {
    std::string bytes;
    sockaddr_storage from;
    socklen_t from_length;
    control_buffer control;
    size_t control_length;
  };
  struct flood {
    flood(uint64_t key, int fd) : slots(most_waiting, key), filter(fd), questions(most_waiting) {}
    fair_slots slots;
    source_filter filter;
    net::io_loop::clock::time_point looked;  // at the kernel's queue, last
    size_t queued = 0;                       // bytes then
    net::timer_id ease = 0;
    std::vector<waiting_question> questions; // by slot
    bool posted = false;                     // a turn
    net::timer_id end = 0;
  };

  // How many questions there were.
  size_t receive() {
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
    return n > 0 ? static_cast<size_t>(n) : 0;
  }
  byte_view packet(size_t i) const {
    return {questions_.data() + i * largest_question, in_[i].msg_hdr.msg_flags & MSG_TRUNC ? header_size : in_[i].msg_len};
  }

  // False when no full batch was there, or its questions take long: those that are left wait with what comes.
  bool take_batch(net::io_loop::clock::time_point until) {
    const size_t n = receive();
    if (n == 0) return false;
    begin();
    size_t i = 0;
    while (i < n) {
      answer(i, packet(i));
      if (++i % 4 == 0 && net::io_loop::clock::now() >= until) break;
    }
    end();
    if (i == n) return n == batch;
    begin_flood();
    for (; i < n; ++i) put_by(i);
    go_on_later();
    return false;
  }
  void begin() {
    thread_.begin_batch();
    used_ = out_count_ = 0;
  }
  void end() {
    flush();
    thread_.end_batch();
  }

  // ---- a flood ----

  void begin_flood() {
    if (!flood_) flood_ = std::make_unique<flood>(thread_.random(), fd_);
  }

  void end_flood() {
    if (!flood_) return;
    thread_.loop().cancel(flood_->end);
    thread_.loop().cancel(flood_->ease);
    flood_ = nullptr;
  }

  void take_flood() {
    bool more = true; // than is read in a turn
    for (int i = 0; i < flood_batches && more; ++i) {
      const size_t n = receive();
      for (size_t k = 0; k < n; ++k) put_by(k);
      more = n == batch;
    }
    if (more) hold_back();
    answer_waiting();
    go_on_later();
  }

  // Bytes of memory in the kernel's queue; 0 where it does not tell.
  size_t queued() const {
    std::array<uint32_t, SK_MEMINFO_VARS> found{};
    socklen_t length = sizeof found;
    ::getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, found.data(), &length);
    return found[SK_MEMINFO_RMEM_ALLOC];
  }

  // Whoever has most waiting here has it in the kernel, too, before what others ask. A queue that becomes shorter was pressed enough.
  void hold_back() {
    auto& f = *flood_;
    const auto now = net::io_loop::clock::now();
    const auto most = f.slots.first_of_longest();
    if (most == fair_slots::none || now - f.looked < press_every) return;
    f.looked = now;
    const size_t before = std::exchange(f.queued, queued());
    if (f.filter.active() && f.queued < before) return;
    f.filter.press(f.questions[most].from);
    if (f.ease == 0) ease_later();
  }

  void ease_later() {
    flood_->ease = thread_.loop().call_after(ease_every, [this] {
      flood_->ease = 0;
      flood_->filter.ease();
      if (flood_->filter.active()) ease_later();
    });
  }

  void go_on_later() {
    thread_.loop().cancel(flood_->end);
    flood_->end = thread_.loop().call_after(flood_memory, [this] {
      flood_->end = 0;
      end_flood();
    });
    if (flood_->slots.empty()) return;
    flood_->posted = true;
    thread_.loop().post([this] { thread_.loop().post([this] { take_turn(); }); }); // one turn per iteration: the first runs behind this one's events
  }

  void take_turn() {
    if (!flood_) return;
    flood_->posted = false;
    take_flood();
  }

  // Where there is no room it is whose most waits that loses one.
  void put_by(size_t i) {
    auto& f = *flood_;
    const auto source = source_of(from_[i]);
    if (f.slots.full()) {
      if (f.slots.has_longest(source)) return;
      f.slots.release(f.slots.first_of_longest());
    }
    auto& q = f.questions[f.slots.take(source)];
    const auto bytes = packet(i);
    q.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    q.from = from_[i];
    q.from_length = in_[i].msg_hdr.msg_namelen;
    q.control_length = wildcard_ ? in_[i].msg_hdr.msg_controllen : 0;
    if (wildcard_) q.control = control_[i];
  }

  // In the places of a batch that was read.
  void answer_waiting() {
    auto& f = *flood_;
    const auto until = net::io_loop::clock::now() + turn_time;
    begin();
    for (size_t i = 0; i < flood_answers && !f.slots.empty(); ++i) {
      if (i > 0 && net::io_loop::clock::now() >= until) break;
      const auto slot = f.slots.next();
      const auto& q = f.questions[slot];
      from_[i] = q.from;
      auto& h = in_[i].msg_hdr;
      h.msg_namelen = q.from_length;
      if (wildcard_) {
        control_[i] = q.control;
        h.msg_control = control_[i].bytes.data();
        h.msg_controllen = q.control_length;
      }
      answer(i, {reinterpret_cast<const uint8_t*>(q.bytes.data()), q.bytes.size()});
      f.slots.release(slot);
    }
    end();
  }

  void answer(size_t i, byte_view packet) {
    if (arena_.size() - used_ < max_message) flush();
    auto later = [&, i]() -> dns_thread::reply_function {
      const auto& asked = in_[i].msg_hdr;
      return [this, to = from_[i], name_length = asked.msg_namelen, control = control_[i], control_length = wildcard_ ? asked.msg_controllen : 0](byte_view message) {
        send_one(message, to, name_length, control, control_length);
      };
    };
    size_t size = thread_.answer(packet, {true, source_of(from_[i]), address_of(from_[i])}, std::span(arena_).subspan(used_, max_message), later);
    if (size == 0) return;
    out_vectors_[out_count_] = {arena_.data() + used_, size};
    auto& h = out_[out_count_].msg_hdr;
    h = {};
    h.msg_name = &from_[i];
    h.msg_namelen = in_[i].msg_hdr.msg_namelen;
    h.msg_iov = &out_vectors_[out_count_];
    h.msg_iovlen = 1;
    if (wildcard_ && in_[i].msg_hdr.msg_controllen != 0) answer_from_where_it_came(in_[i].msg_hdr.msg_control, in_[i].msg_hdr.msg_controllen, h);
    used_ += size;
    ++out_count_;
  }

  // On a wildcard address the answer must leave from the address that was asked; the packet's own note says which.
  static void answer_from_where_it_came(void* control, size_t length, msghdr& h) {
    msghdr asked{};
    asked.msg_control = control;
    asked.msg_controllen = length;
    auto* note = CMSG_FIRSTHDR(&asked);
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
    h.msg_control = control;
    h.msg_controllen = length;
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
  std::unique_ptr<flood> flood_;
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
  return net::bound_port(fd);
}

} // namespace actord::dns
