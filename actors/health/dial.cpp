#include "actors/health/dial.hpp"
#include <arpa/inet.h>
#include <cstring>
#include <net/if.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::health {

std::string errno_text(int code) {
  switch (code) {
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET: return "connection reset by peer";
    case ETIMEDOUT: return "connection timed out";
    case EHOSTUNREACH: return "no route to host";
    case ENETUNREACH: return "network is unreachable";
    case EMFILE: return "too many open files";
    case EPIPE: return "broken pipe";
    case ENOENT: return "no such file or directory";
    case EACCES: return "permission denied";
    default: {
      char buffer[128] = {};
      std::string text = strerror_r(code, buffer, sizeof buffer); // the GNU variant returns the text
      for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      return text;
    }
  }
}

namespace {

dial_target target_v4(const in_addr& a, uint16_t port) {
  dial_target t;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr = a;
  std::memcpy(&t.address, &in, sizeof in);
  t.length = sizeof in;
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &a, text, sizeof text);
  t.text = std::string(text) + ":" + std::to_string(port);
  return t;
}

dial_target target_v6(const in6_addr& a, uint16_t port, uint32_t scope) {
  dial_target t;
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = a;
  in.sin6_scope_id = scope;
  std::memcpy(&t.address, &in, sizeof in);
  t.length = sizeof in;
  char text[INET6_ADDRSTRLEN] = {}, zone[IF_NAMESIZE] = {};
  inet_ntop(AF_INET6, &a, text, sizeof text);
  std::string shown = text;
  if (scope != 0) shown += "%" + (if_indextoname(scope, zone) ? std::string(zone) : std::to_string(scope));
  t.text = "[" + shown + "]:" + std::to_string(port);
  return t;
}

dial_target target_of(const net::endpoint& e, uint16_t port) {
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&e.storage);
  if (e.storage.ss_family == AF_INET6) return target_v6(six->sin6_addr, port, six->sin6_scope_id);
  return target_v4(reinterpret_cast<const sockaddr_in*>(&e.storage)->sin_addr, port);
}

} // namespace

bool resolve_literal(const std::string& host, uint16_t port, std::vector<dial_target>& out) {
  in_addr four{};
  if (net::endpoint e; net::read_ip(host, port, e)) out.push_back(target_of(e, port));
  else if (host == "localhost" || host.empty()) { // RFC 6761 6.3: names the loopback, nobody need be asked
    four.s_addr = htonl(INADDR_LOOPBACK);
    out.push_back(target_v4(four, port));
    out.push_back(target_v6(in6addr_loopback, port, 0));
  } else return false;
  return true;
}

resolve_function resolve_by(net::name_resolver& names) {
  return [&names](const std::string& host, uint16_t port, resolved done) {
    names.ask(host, [host, port, done = std::move(done)](result<std::vector<net::endpoint>> found) {
      if (!found) return done(error{found.err().code, "lookup " + host + ": " + found.err().text});
      std::vector<dial_target> out;
      for (const auto& e : *found) out.push_back(target_of(e, port));
      done(std::move(out));
    });
  };
}

void dialler::dial(const std::string& host, uint16_t port) {
  std::weak_ptr<dialler> weak = weak_from_this();
  auto go = [weak](result<std::vector<dial_target>> r) {
    auto self = weak.lock();
    if (!self || !self->done_) return;
    if (!r) {
      auto done = std::exchange(self->done_, nullptr);
      return done(error{errc::internal, "dial tcp: " + r.err().text});
    }
    self->targets_ = std::move(*r);
    self->next();
  };
  std::vector<dial_target> known;
  if (resolve_literal(host, port, known)) go(std::move(known));
  else context_.resolve(host, port, std::move(go));
}

void dialler::next() {
  close_fd();
  while (at_ < targets_.size()) {
    const dial_target& t = targets_[at_];
    fd_ = socket(t.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
      fail("socket", errno);
    } else if (connect(fd_, reinterpret_cast<const sockaddr*>(&t.address), t.length) == 0 || errno == EINPROGRESS) {
      // A connection that stood at once reports writable as well.
      if (context_.loop->watch(fd_, EPOLLOUT, this)) return;
      fail("epoll", EMFILE);
    } else fail("connect", errno);
    close_fd();
    ++at_;
  }
  auto done = std::exchange(done_, nullptr);
  if (done) done(error{errc::internal, last_error_});
}

void dialler::fail(std::string_view call, int code) {
  // Go reports the first address's failure.
  if (last_error_.empty()) last_error_ = "dial tcp " + targets_[at_].text + ": " + std::string(call) + ": " + errno_text(code);
}

void dialler::on_io(uint32_t) {
  int code = 0;
  socklen_t length = sizeof code;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &length);
  auto self = shared_from_this();
  if (code != 0) {
    fail("connect", code);
    close_fd();
    ++at_;
    return next();
  }
  context_.loop->unwatch(fd_, this);
  const int fd = std::exchange(fd_, -1);
  auto done = std::exchange(done_, nullptr);
  if (done) done(fd);
  else ::close(fd);
}

void dialler::close_fd() {
  if (fd_ < 0) return;
  context_.loop->unwatch(fd_, this);
  ::close(fd_);
  fd_ = -1;
}

void dialler::abort() {
  done_ = nullptr;
  close_fd();
}

} // namespace actord::health
