// DNS over TCP (RFC 7766): messages with a length before them, several in flight on a connection, answers as they come.
// A connection that is silent, or does not take its answers, is closed, and one whose client asks no more once it has its answers. Where there are too many, in all or of one address, or no more
// descriptors, the one that was silent for longest goes: who is new is never shut out.
#include "api/dns/dns_thread.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/acceptor.hpp"
#include "runtime/net/household.hpp"
#include "runtime/net/listener.hpp"
#include <algorithm>
#include <list>
#include <sys/epoll.h>
#include <unistd.h>
#include <unordered_map>

namespace actord::dns {
namespace {

constexpr size_t most_connections = 1024; // and no more than an eighth of the descriptors; a quarter of that of one address
constexpr auto idle_time = std::chrono::seconds(8);    // for a whole question to come
constexpr size_t most_unsent = 1 << 20;                // bytes of answers that the client has not taken
constexpr size_t read_at_once = 16 * 1024;
constexpr auto event_time = std::chrono::microseconds(30), turn_time = std::chrono::microseconds(100); // of answering, then others have their turn

class tcp_listener;

class tcp_connection : public net::io_handler, public net::turn_taker, public std::enable_shared_from_this<tcp_connection> {
public:
  using order = std::list<std::shared_ptr<tcp_connection>>;
  tcp_connection(dns_thread& t, tcp_listener& owner, int fd, std::string household)
      : turn_taker(text_hash{}(household)), thread_(t), owner_(owner), fd_(fd), household_(std::move(household)) {}
  ~tcp_connection() override { close_socket(); }
  bool start() {
    arm();
    return thread_.loop().watch(fd_, EPOLLIN, this).ok();
  }
  void on_io(uint32_t events) override;
  void on_turn() override {
    if (sent_ == out_.size()) work(turn_time);
  }
  void close_socket() {
    thread_.loop().cancel(timer_);
    timer_ = 0;
    if (fd_ < 0) return;
    thread_.turns().withdraw(this);
    thread_.loop().unwatch(fd_, this);
    ::close(fd_);
    fd_ = -1;
  }
  const std::string& household() const { return household_; }
  order::iterator place; // among all connections of the listener, the longest silent first

private:
  void arm();
  void drop();
  bool read();
  void work(nanos time);
  void take_questions(nanos time);
  void answer(byte_view packet);
  void send(byte_view message);
  bool flush();
  bool choose_events();
  // The client asks no more, and no answer is on its way.
  bool is_done() const { return far_finished_ && sent_ == out_.size() && !more_ && (!answers_ || answers_.use_count() == 1); }

  dns_thread& thread_;
  tcp_listener& owner_;
  int fd_;
  std::string household_; // of the other side
  std::vector<uint8_t> in_, out_;
  size_t taken_ = 0, sent_ = 0; // of in_, of out_
  bool more_ = false;           // whole questions wait for the next turn
  bool far_finished_ = false;   // no more questions come
  std::shared_ptr<const char> answers_; // held by whoever will answer later
  uint32_t watched_ = EPOLLIN;
  net::timer_id timer_ = 0;
};

class tcp_listener : public net::io_handler {
public:
  tcp_listener(dns_thread& t, int fd)
      : thread_(t), acceptor_(t.loop(), fd, "agent.dns", [this](int taken, const std::string& peer) { accept(taken, peer); },
                              [this] { if (!all_.empty()) forget(*all_.front()); }) {}
  ~tcp_listener() override {
    for (auto& c : all_) c->close_socket();
  }
  status start() { return acceptor_.start(); }
  void on_io(uint32_t) override {} // the acceptor's
  void spoke(tcp_connection& c) { all_.splice(all_.end(), all_, c.place); } // of one that is open
  void forget(tcp_connection& c) {
    c.close_socket();
    const auto of = by_household_.find(c.household());
    if (--of->second == 0) by_household_.erase(of);
    auto gone = std::move(*c.place);
    all_.erase(c.place);
    thread_.loop().retire(std::move(gone));
  }

private:
  void accept(int fd, const std::string& peer) {
    const auto household = net::household_of(peer);
    if (by_household_[household] >= most_ / 4) {
      forget(**std::find_if(all_.begin(), all_.end(), [&](auto& c) { return c->household() == household; }));
    } else if (all_.size() >= most_) {
      forget(*all_.front());
    }
    auto c = std::make_shared<tcp_connection>(thread_, *this, fd, household);
    ++by_household_[household];
    c->place = all_.insert(all_.end(), c);
    if (!c->start()) forget(*c);
  }

  dns_thread& thread_;
  const size_t most_ = std::clamp<size_t>(usable_descriptors() / 8, 16, most_connections);
  tcp_connection::order all_;
  std::unordered_map<std::string, size_t> by_household_;
  net::acceptor acceptor_; // last: it calls us
};

void tcp_connection::arm() {
  thread_.loop().cancel(timer_);
  timer_ = thread_.loop().call_after(idle_time, [this] { // cancelled before the connection dies
    timer_ = 0;
    drop();
  });
}

void tcp_connection::drop() {
  if (fd_ >= 0) owner_.forget(*this);
}

void tcp_connection::on_io(uint32_t events) {
  if ((events & EPOLLOUT) && (!flush() || is_done())) return drop();
  if (more_) return sent_ == out_.size() ? thread_.turns().again(this) : void();
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  if (!read() || is_done()) return drop();
  work(event_time);
}

bool tcp_connection::read() {
  size_t had = in_.size();
  in_.resize(had + read_at_once);
  ssize_t n = ::recv(fd_, in_.data() + had, read_at_once, 0);
  in_.resize(had + (n > 0 ? static_cast<size_t>(n) : 0));
  if (n == 0) far_finished_ = true;
  return n >= 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

// Whoever sends many questions at once has them answered in turns, behind whoever has an event, and no more are read meanwhile.
void tcp_connection::work(nanos time) {
  more_ = false;
  take_questions(time);
  if (fd_ < 0) return;
  if (!flush()) return drop();
  if (more_ && sent_ == out_.size()) thread_.turns().again(this);
}

void tcp_connection::take_questions(nanos time) {
  const size_t before = taken_;
  const auto until = net::io_loop::clock::now() + time;
  thread_.begin_batch();
  while (fd_ >= 0 && in_.size() - taken_ >= 2) { // an answer that is ready at once may find that the other side is gone
    size_t length = size_t{in_[taken_]} << 8 | in_[taken_ + 1];
    if (in_.size() - taken_ - 2 < length) break;
    if (taken_ > before && net::io_loop::clock::now() >= until) {
      more_ = true;
      break;
    }
    answer(byte_view(in_).subspan(taken_ + 2, length));
    taken_ += length + 2;
    if (out_.size() - sent_ > most_unsent && !flush()) break;
  }
  thread_.end_batch();
  if (fd_ < 0) return;
  if (taken_ > before) {
    arm();
    owner_.spoke(*this);
  }
  if (more_) return; // once per read, not per turn
  in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(taken_));
  taken_ = 0;
  if (in_.empty() && in_.capacity() > 4 * read_at_once) in_.shrink_to_fit();
}

void tcp_connection::answer(byte_view packet) {
  static thread_local std::vector<uint8_t> buffer(max_message);
  const dns_thread::asker who{false, std::hash<std::string>{}(household_), parse_ip(household_)};
  size_t size = thread_.answer(packet, who, buffer, [this]() -> dns_thread::reply_function {
    if (!answers_) answers_ = std::make_shared<const char>();
    return [weak = weak_from_this(), held = answers_](byte_view message) {
      auto self = weak.lock();
      if (!self || self->fd_ < 0) return;
      self->send(message);
      self->owner_.spoke(*self);
      if (!self->flush()) return self->drop();
      if (!self->far_finished_) return;
      self->thread_.loop().post([weak] { // when this function is gone
        if (auto still = weak.lock(); still && still->fd_ >= 0 && still->is_done()) still->drop();
      });
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
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  return choose_events();
}

// While the client does not take what it asked for, or has asked for more than a turn's worth, no more of its questions are read.
bool tcp_connection::choose_events() {
  const uint32_t wanted = sent_ < out_.size() ? uint32_t{EPOLLOUT} : more_ || far_finished_ ? 0U : uint32_t{EPOLLIN};
  if (wanted == watched_) return true;
  watched_ = wanted;
  return thread_.loop().rewatch(fd_, wanted, this).ok();
}

} // namespace

result<uint16_t> listen_tcp(dns_thread& t, const std::string& host, uint16_t port) {
  auto fd = net::open_listener({.host = host, .port = port, .unix_path = {}, .unix_user = {}, .unix_group = {}, .unix_mode = {}});
  if (!fd) return fd.err();
  const auto bound = net::bound_port(*fd);
  auto listener = std::make_unique<tcp_listener>(t, *fd);
  if (auto s = listener->start(); !s) return s.err();
  t.adopt(std::move(listener));
  return bound;
}

} // namespace actord::dns
