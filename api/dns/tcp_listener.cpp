// DNS over TCP (RFC 7766): messages with a length before them, several in flight on a connection, answers as they come.
// A connection that is silent, or does not take its answers, is closed; so are those beyond the limit.
#include "api/dns/dns_thread.hpp"
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <unordered_map>

namespace actord::dns {
namespace {

constexpr size_t most_connections = 1024;
constexpr auto idle_time = std::chrono::seconds(8);    // for a whole question to come
constexpr size_t most_unsent = 1 << 20;                // bytes of answers that the client has not taken
constexpr size_t read_at_once = 16 * 1024;

class tcp_listener;

class tcp_connection : public net::io_handler, public std::enable_shared_from_this<tcp_connection> {
public:
  tcp_connection(dns_thread& t, tcp_listener& owner, int fd) : thread_(t), owner_(owner), fd_(fd) {}
  ~tcp_connection() override { close_socket(); }
  bool start() {
    arm();
    return thread_.loop().watch(fd_, EPOLLIN, this).ok();
  }
  void on_io(uint32_t events) override;
  void close_socket() {
    thread_.loop().cancel(timer_);
    timer_ = 0;
    if (fd_ < 0) return;
    thread_.loop().unwatch(fd_, this);
    ::close(fd_);
    fd_ = -1;
  }

private:
  void arm();
  void drop();
  bool read();
  void take_questions();
  void answer(byte_view packet);
  void send(byte_view message);
  bool flush();

  dns_thread& thread_;
  tcp_listener& owner_;
  int fd_;
  std::vector<uint8_t> in_, out_;
  size_t sent_ = 0;
  bool waiting_to_write_ = false;
  net::timer_id timer_ = 0;
};

class tcp_listener : public net::io_handler {
public:
  tcp_listener(dns_thread& t, int fd) : thread_(t), fd_(fd) {}
  ~tcp_listener() override {
    for (auto& [p, c] : connections_) c->close_socket();
    thread_.loop().unwatch(fd_, this);
    ::close(fd_);
  }
  void on_io(uint32_t) override {
    for (int i = 0; i < 64; ++i) {
      int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (connections_.size() >= most_connections) {
        ::close(fd);
        continue;
      }
      int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto c = std::make_shared<tcp_connection>(thread_, *this, fd);
      if (c->start()) connections_.emplace(c.get(), c);
    }
  }
  void forget(tcp_connection* c) {
    auto it = connections_.find(c);
    if (it == connections_.end()) return;
    it->second->close_socket();
    thread_.loop().retire(it->second);
    connections_.erase(it);
  }

private:
  dns_thread& thread_;
  int fd_;
  std::unordered_map<tcp_connection*, std::shared_ptr<tcp_connection>> connections_;
};

void tcp_connection::arm() {
  thread_.loop().cancel(timer_);
  timer_ = thread_.loop().call_after(idle_time, [this] { // cancelled before the connection dies
    timer_ = 0;
    drop();
  });
}

void tcp_connection::drop() { owner_.forget(this); }

void tcp_connection::on_io(uint32_t events) {
  if ((events & EPOLLOUT) && !flush()) return drop();
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  if (!read()) return drop();
  take_questions();
  if (!flush()) drop();
}

bool tcp_connection::read() {
  size_t had = in_.size();
  in_.resize(had + read_at_once);
  ssize_t n = ::recv(fd_, in_.data() + had, read_at_once, 0);
  in_.resize(had + (n > 0 ? static_cast<size_t>(n) : 0));
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void tcp_connection::take_questions() {
  size_t at = 0;
  thread_.begin_batch();
  while (in_.size() - at >= 2) {
    size_t length = size_t{in_[at]} << 8 | in_[at + 1];
    if (in_.size() - at - 2 < length) break;
    answer(byte_view(in_).subspan(at + 2, length));
    at += length + 2;
    if (out_.size() - sent_ > most_unsent && !flush()) break;
  }
  thread_.end_batch();
  in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(at));
  if (in_.empty() && in_.capacity() > 4 * read_at_once) in_.shrink_to_fit();
  if (at > 0) arm();
}

void tcp_connection::answer(byte_view packet) {
  static thread_local std::vector<uint8_t> buffer(max_message);
  size_t size = thread_.answer(packet, false, buffer, [this]() -> dns_thread::reply_function {
    return [weak = weak_from_this()](byte_view message) {
      auto self = weak.lock();
      if (!self || self->fd_ < 0) return;
      self->send(message);
      if (!self->flush()) self->drop();
    };
  });
  if (size != 0) send({buffer.data(), size});
}

void tcp_connection::send(byte_view message) {
  out_.push_back(static_cast<uint8_t>(message.size() >> 8));
  out_.push_back(static_cast<uint8_t>(message.size()));
  out_.insert(out_.end(), message.begin(), message.end());
}

// False when the connection is of no more use.
bool tcp_connection::flush() {
  while (sent_ < out_.size()) {
    ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return false;
    if (n < 0) break;
    sent_ += static_cast<size_t>(n);
  }
  if (out_.size() - sent_ > most_unsent) return false;
  bool pending = sent_ < out_.size();
  if (!pending) {
    out_.clear();
    sent_ = 0;
  }
  if (pending != waiting_to_write_) {
    waiting_to_write_ = pending;
    // While the client does not take what it asked for, no more of its questions are read.
    return thread_.loop().rewatch(fd_, pending ? uint32_t{EPOLLOUT} : uint32_t{EPOLLIN}, this).ok();
  }
  return true;
}

} // namespace

result<uint16_t> listen_tcp(dns_thread& t, const std::string& host, uint16_t port) {
  sockaddr_storage address{};
  socklen_t length = 0;
  if (!socket_address(host, port, address, length)) return error{errc::internal, "\"" + host + "\" is not an IP address"};
  int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error{errc::internal, std::string("socket: ") + std::strerror(errno)};
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd, 1024) != 0) {
    error e{errc::internal, "listen tcp " + host + ":" + std::to_string(port) + ": bind: " + std::strerror(errno)};
    ::close(fd);
    return e;
  }
  auto handler = std::make_unique<tcp_listener>(t, fd);
  if (auto s = t.loop().watch(fd, EPOLLIN, handler.get()); !s) return s.err();
  t.adopt(std::move(handler));
  return bound_port(fd);
}

} // namespace actord::dns
