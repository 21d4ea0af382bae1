#include "runtime/net/name_resolver.hpp"
#include <ares.h>
#include <cstring>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/stat.h>

namespace actord::net {

namespace {

constexpr size_t most_names = 4096;   // that are looked up at a time
constexpr size_t most_waiting = 1024; // for one of them
constexpr int patience_ms = 2000, tries = 3; // the first wait for a server; it doubles
constexpr auto look_pause = std::chrono::seconds(5); // between two looks at the configuration

struct file_mark { // a changed one is read again
  ino_t inode = 0;
  timespec changed{};
  bool operator==(const file_mark& o) const { return inode == o.inode && changed.tv_sec == o.changed.tv_sec && changed.tv_nsec == o.changed.tv_nsec; }
};

file_mark mark_of(const char* path) {
  struct stat s {};
  return ::stat(path, &s) == 0 ? file_mark{s.st_ino, s.st_mtim} : file_mark{};
}

std::pair<file_mark, file_mark> configuration() { return {mark_of("/etc/resolv.conf"), mark_of("/etc/nsswitch.conf")}; }

// As Go says it.
error refused(int status) {
  switch (status) {
  case ARES_ENOTFOUND:
  case ARES_ENODATA:
  case ARES_ENONAME:
  case ARES_EBADNAME: return {errc::not_found, "no such host"};
  case ARES_ETIMEOUT: return {errc::internal, "i/o timeout"};
  case ARES_ESERVFAIL:
  case ARES_EREFUSED:
  case ARES_ENOTIMP:
  case ARES_EBADRESP:
  case ARES_ECONNREFUSED: return {errc::internal, "server misbehaving"};
  default: return {errc::internal, ::ares_strerror(status)};
  }
}

} // namespace

// One configuration: its sockets, watched by the loop, and the timer of what is due next.
class name_resolver::channel {
public:
  explicit channel(io_loop& loop) : loop_(loop), configured(configuration()) {}
  ~channel() {
    closing_ = true;
    if (ares_ != nullptr) ::ares_destroy(ares_);
    loop_.cancel(timer_);
  }

  status open(const std::string& servers) {
    static const int ready = ::ares_library_init(ARES_LIB_INIT_ALL);
    if (ready != ARES_SUCCESS) return refused(ready);
    ares_options o{};
    o.timeout = patience_ms;
    o.tries = tries;
    o.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) { static_cast<channel*>(self)->watch(fd, readable != 0, writable != 0); };
    o.sock_state_cb_data = this;
    int made = ::ares_init_options(&ares_, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (made == ARES_SUCCESS && !servers.empty()) made = ::ares_set_servers_ports_csv(ares_, servers.c_str());
    return made == ARES_SUCCESS ? status() : status(refused(made));
  }

  void ask(const std::string& name, ares_addrinfo_callback then, void* argument) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ++questions;
    ::ares_getaddrinfo(ares_, name.c_str(), nullptr, &hints, then, argument);
    set_timer();
  }

private:
  struct socket_watch final : io_handler {
    socket_watch(channel& c, int socket) : of(c), fd(socket) {}
    void on_io(uint32_t what) override {
      const bool in = (what & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0, out = (what & EPOLLOUT) != 0;
      of.process(in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    }
    channel& of;
    int fd;
    uint32_t wanted = 0;
  };

  void watch(int fd, bool readable, bool writable) {
    const uint32_t events = (readable ? uint32_t{EPOLLIN} : 0U) | (writable ? uint32_t{EPOLLOUT} : 0U);
    auto& w = sockets_[fd];
    if (events == 0) { // it is closed next
      if (w) loop_.unwatch(fd, w.get());
      if (w && !closing_) loop_.retire(w); // it may be what called us
      sockets_.erase(fd);
    } else if (!w) {
      w = std::make_shared<socket_watch>(*this, fd);
      (void)loop_.watch(fd, events, w.get()); // else its time is up once
    } else if (w->wanted != events) {
      (void)loop_.rewatch(fd, events, w.get());
    }
    if (events != 0) w->wanted = events;
  }

  void process(int readable, int writable) {
    ::ares_process_fd(ares_, readable, writable);
    set_timer();
  }

  void set_timer() {
    loop_.cancel(timer_);
    timer_ = 0;
    timeval room{}, *next = ::ares_timeout(ares_, nullptr, &room);
    if (next == nullptr) return;
    const nanos wait = std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec);
    timer_ = loop_.call_after(wait, [this] {
      timer_ = 0;
      process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
  }

  io_loop& loop_;
  ares_channel ares_ = nullptr;
  std::map<int, std::shared_ptr<socket_watch>> sockets_;
  timer_id timer_ = 0;
  bool closing_ = false;

public:
  const std::pair<file_mark, file_mark> configured;
  size_t questions = 0; // without an answer
};

name_resolver::~name_resolver() {
  ending_ = true;
  channels_.clear();
}

// Null where none can be made. Made anew when the configuration has changed.
name_resolver::channel* name_resolver::current() {
  const auto now = loop_.now();
  const bool look = channels_.empty() || (servers_.empty() && now - looked_ >= look_pause);
  if (!look) return channels_.back().get();
  looked_ = now;
  if (!channels_.empty() && channels_.back()->configured == configuration()) return channels_.back().get();
  auto fresh = std::make_shared<channel>(loop_);
  if (!fresh->open(servers_)) return channels_.empty() ? nullptr : channels_.back().get();
  std::erase_if(channels_, [&](auto& c) {
    if (c->questions > 0) return false;
    loop_.retire(c); // it may be what called us
    return true;
  });
  channels_.push_back(std::move(fresh));
  return channels_.back().get();
}

void name_resolver::ask(const std::string& name, done d) {
  if (const auto it = asked_.find(name); it != asked_.end()) {
    if (it->second->who.size() >= most_waiting) return d(error(errc::rate_limited, "too many wait for this name"));
    it->second->who.push_back(std::move(d));
    return;
  }
  if (asked_.size() >= most_names) return d(error(errc::rate_limited, "too many names are being looked up"));
  auto* with = current();
  if (with == nullptr) return d(error(errc::internal, "no resolver can be made"));
  auto& q = asked_[name] = std::make_unique<question>(question{this, with, name, {}});
  q->who.push_back(std::move(d));
  with->ask(name, &name_resolver::answered, q.get());
}

void name_resolver::answered(void* argument, int status, int, ares_addrinfo* list) {
  auto& q = *static_cast<question*>(argument);
  std::vector<endpoint> found;
  for (auto* a = list == nullptr ? nullptr : list->nodes; a != nullptr; a = a->ai_next) {
    if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) || a->ai_addrlen > sizeof(sockaddr_storage)) continue;
    endpoint e;
    std::memcpy(&e.storage, a->ai_addr, a->ai_addrlen);
    e.length = a->ai_addrlen;
    found.push_back(e);
  }
  if (list != nullptr) ::ares_freeaddrinfo(list);
  if (q.owner->ending_) return;
  if (!found.empty()) q.owner->settle(q.name, std::move(found));
  else q.owner->settle(q.name, status == ARES_SUCCESS ? refused(ARES_ENODATA) : refused(status));
}

void name_resolver::settle(const std::string& name, const result<std::vector<endpoint>>& found) {
  const auto q = std::move(asked_.extract(name).mapped());
  --q->with->questions;
  for (auto& d : q->who) d(found);
}

} // namespace actord::net
