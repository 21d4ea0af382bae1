#include "api/dns/upstream.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/net/stream_socket.hpp"
#include <arpa/inet.h>
#include <cstring>
#include <algorithm>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::dns {

namespace {
// An eighth of the descriptors that the process may have: there are two threads, and others need some, too.
uint32_t most_exchanges() {
  return static_cast<uint32_t>(std::clamp<uint64_t>(usable_descriptors() / 8, 8, 1024));
}
} // namespace

bool parse_recursor(std::string_view text, recursor_address& out) {
  std::string host(text), port = "53";
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == text.npos) return false;
    host = text.substr(1, close - 1);
    if (text.size() > close + 2 && text[close + 1] == ':') port = text.substr(close + 2);
  } else if (auto colon = text.find(':'); colon != text.npos && text.find(':', colon + 1) == text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  unsigned number = 0;
  for (char c : port) {
    if (c < '0' || c > '9' || number > 65535) return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number == 0 || number > 65535) return false;
  net::endpoint e;
  if (!net::read_ip(host, static_cast<uint16_t>(number), e)) return false;
  out.address = e.storage;
  out.length = e.length;
  return true;
}

// One question on its way through the recursors. Each try has a socket of its own, so that the kernel picks a fresh
// port: with the fresh id this makes answers hard to forge.
class upstream::exchange : public net::io_handler, public std::enable_shared_from_this<exchange> {
public:
  exchange(upstream& owner, uint64_t number, byte_view question, bool tcp, done_function done)
      : owner_(owner), number_(number), tcp_(tcp), done_(std::move(done)), question_(question.begin(), question.end()) {
    asked_id_ = static_cast<uint16_t>(question[0] << 8 | question[1]);
  }
  ~exchange() override { close_socket(); }

  void next() {
    close_socket();
    while (recursor_ < owner_.recursors_.size())
      if (open(owner_.recursors_[recursor_++])) return;
    end({});
  }

  void on_io(uint32_t events) override {
    auto self = shared_from_this();
    if (tcp_ && !written_) {
      if (!write_stream()) return next();
    } else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
      if (!(tcp_ ? read_stream() : read_datagram())) next();
    }
  }
  done_function done_taken() { return std::move(done_); }
  uint32_t slot = fair_slots::none;
  void abandon() {
    ended_ = true;
    close_socket();
  }

private:
  bool open(const recursor_address& to) {
    auto id = static_cast<uint16_t>(owner_.random_());
    question_[0] = static_cast<uint8_t>(id >> 8);
    question_[1] = static_cast<uint8_t>(id);
    input_.clear();
    written_ = 0;
    fd_ = ::socket(to.address.ss_family, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    int rc = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to.address), to.length);
    bool started = rc == 0 || (tcp_ && errno == EINPROGRESS);
    if (started && !tcp_) started = ::send(fd_, question_.data(), question_.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(question_.size());
    if (started) started = owner_.loop_.watch(fd_, tcp_ ? EPOLLOUT : EPOLLIN, this).ok();
    if (!started) {
      ::close(fd_);
      fd_ = -1;
      return false;
    }
    timer_ = owner_.loop_.call_after(owner_.timeout_, [self = shared_from_this()] {
      self->timer_ = 0;
      self->next();
    });
    return true;
  }

  // A frame is small enough for the socket's buffer; a kernel that takes only a part of it is treated as a failure.
  bool write_stream() {
    std::vector<uint8_t> frame{static_cast<uint8_t>(question_.size() >> 8), static_cast<uint8_t>(question_.size())};
    frame.insert(frame.end(), question_.begin(), question_.end());
    written_ = 1;
    return ::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()) &&
           owner_.loop_.rewatch(fd_, EPOLLIN, this).ok();
  }

  // True: wait on, or it is over. False: try the next recursor.
  bool read_datagram() {
    input_.resize(max_message);
    ssize_t n = ::recv(fd_, input_.data(), input_.size(), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    return judge({input_.data(), static_cast<size_t>(n)}, true);
  }

  bool read_stream() {
    uint8_t chunk[4096];
    ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    input_.insert(input_.end(), chunk, chunk + n);
    if (input_.size() < 2) return true;
    size_t length = size_t{input_[0]} << 8 | input_[1];
    if (input_.size() < length + 2) return true;
    return judge(byte_view(input_).subspan(2, length), false);
  }

  bool judge(byte_view answer, bool stray_possible) {
    rcode code;
    if (!answers_question(question_, answer, code)) return stray_possible; // somebody else's datagram: wait for ours
    if (code != rcode::no_error && code != rcode::name_error) return false;
    std::vector<uint8_t> copy(answer.begin(), answer.end());
    copy[0] = static_cast<uint8_t>(asked_id_ >> 8);
    copy[1] = static_cast<uint8_t>(asked_id_);
    close_socket();
    end(copy);
    return true;
  }

  void end(std::vector<uint8_t> answer) {
    if (std::exchange(ended_, true)) return;
    owner_.loop_.post([&owner = owner_, number = number_, answer = std::move(answer)] { owner.finish(number, answer); });
  }

  void close_socket() {
    owner_.loop_.cancel(timer_);
    timer_ = 0;
    if (fd_ < 0) return;
    owner_.loop_.unwatch(fd_, this);
    ::close(fd_);
    fd_ = -1;
  }

  upstream& owner_;
  uint64_t number_;
  bool tcp_;
  done_function done_;
  std::vector<uint8_t> question_, input_;
  uint16_t asked_id_ = 0;
  size_t recursor_ = 0, written_ = 0;
  int fd_ = -1;
  net::timer_id timer_ = 0;
  bool ended_ = false;
};

upstream::upstream(net::io_loop& loop, prng& random) : loop_(loop), random_(random), slots_(most_exchanges(), random()), numbers_(slots_.size()) {}

upstream::~upstream() {
  for (auto& [number, e] : exchanges_) e->abandon(); // a timer of the loop may hold it for longer than we live
}

bool upstream::ask(byte_view question, bool tcp, uint64_t source, done_function done) {
  if (question.size() < header_size) return false;
  if (slots_.full()) give_up(slots_.first_of_longest());
  const auto number = next_++;
  auto e = std::make_shared<exchange>(*this, number, question, tcp, std::move(done));
  e->slot = slots_.take(source);
  numbers_[e->slot] = number;
  exchanges_.emplace(number, e);
  e->next();
  return true;
}

void upstream::give_up(uint32_t slot) {
  const auto it = exchanges_.find(numbers_[slot]);
  const auto gone = it->second;
  exchanges_.erase(it);
  slots_.release(slot);
  gone->abandon();
  loop_.retire(gone);
  loop_.post([done = gone->done_taken()] { done({}); });
}

void upstream::finish(uint64_t number, byte_view answer) {
  auto it = exchanges_.find(number);
  if (it == exchanges_.end()) return;
  auto gone = it->second;
  exchanges_.erase(it);
  slots_.release(gone->slot);
  loop_.retire(gone);
  gone->done_taken()(answer);
}

} // namespace actord::dns
