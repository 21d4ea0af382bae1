// A server of Consul's RPC for tests: one thread, real sockets, and a function that answers.
#pragma once
#include "actors/rpc/core/call.hpp"
#include "actors/rpc/core/yamux.hpp"
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace actord::test {

class fake_server {
public:
  struct reply {
    std::string error, body = "\x80";
    bool hang_up = false, silent = false;
  };
  using answer_fn = std::function<reply(const std::string& method, const std::string& body)>;

  explicit fake_server(answer_fn f) : answer_(std::move(f)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof at;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&at), n) == 0);
    REQUIRE(::listen(listener_, 16) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &n);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~fake_server() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }

  std::string address;
  std::atomic<int> calls{0}, connections{0}, streams{0}, ended{0}; // ended: connections that are over

private:
  struct line {
    rpc::yamux mux{{}};
    bool typed = false;
    std::map<uint32_t, rpc::pair_reader> streams;
  };
  void run() {
    std::map<int, line> lines;
    while (!stop_) {
      std::vector<pollfd> fds{{listener_, POLLIN, 0}};
      for (auto& [fd, l] : lines) fds.push_back({fd, POLLIN, 0});
      ::poll(fds.data(), fds.size(), 10);
      if (fds[0].revents != 0) {
        lines[::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)];
        ++connections;
      }
      for (size_t i = 1; i < fds.size(); ++i)
        if (fds[i].revents != 0 && !serve(fds[i].fd, lines[fds[i].fd])) {
          ::close(fds[i].fd);
          lines.erase(fds[i].fd);
          ++ended;
        }
    }
    for (auto& [fd, l] : lines) ::close(fd);
  }
  bool serve(int fd, line& l) {
    char buffer[65536];
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    std::string_view in(buffer, static_cast<size_t>(n));
    if (!l.typed) {
      if (in[0] != 4) return false;
      l.typed = true;
      in.remove_prefix(1);
    }
    bool go_on = true;
    l.mux.feed(in, nanos(1));
    for (auto& e : l.mux.take_events()) {
      if (e.what == rpc::yamux_event::kind::opened) ++streams;
      if (e.what == rpc::yamux_event::kind::finished) l.mux.finish(e.stream);
      if (e.what != rpc::yamux_event::kind::bytes) continue;
      l.mux.consumed(e.stream, e.bytes.size());
      auto& reader = l.streams.try_emplace(e.stream, rpc::request_limit).first->second;
      (void)reader.feed(e.bytes, [&](std::string_view header, std::string_view body) {
        auto head = rpc::decode_request_header(header);
        ++calls;
        auto r = answer_(head->method, std::string(body));
        if (r.hang_up) go_on = false;
        else if (!r.silent) l.mux.send(e.stream, rpc::encode_answer({head->seq, head->method, r.error}, r.body));
        return true;
      });
    }
    std::string out;
    l.mux.drain(out, 1 << 20);
    return go_on && ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
  }

  answer_fn answer_;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace actord::test
