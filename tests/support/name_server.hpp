// A DNS server for tests, in a thread of its own: has addresses (IPv4) of some names, never answers about others, and says that there
// are no more.
#pragma once
#include <arpa/inet.h>
#include <atomic>
#include <doctest/doctest.h>
#include <map>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace actord::test {

class name_server {
public:
  // An empty address: never answered. Names in lower case.
  explicit name_server(std::map<std::string, std::string> names) : names_(std::move(names)) {
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), length) == 0);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &length);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~name_server() {
    ::shutdown(fd_, SHUT_RDWR); // wakes recvfrom
    thread_.join();
    ::close(fd_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

private:
  void serve() {
    uint8_t p[1024];
    for (;;) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const ssize_t n = ::recvfrom(fd_, p, 512, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (n < 17) return;
      ++asked_;
      std::string name;
      size_t at = 12;
      for (; p[at] != 0 && at + p[at] + 5 < static_cast<size_t>(n); at += size_t{p[at]} + 1)
        name += (name.empty() ? "" : ".") + std::string(reinterpret_cast<char*>(p) + at + 1, p[at]);
      const bool wants_v4 = p[at + 1] == 0 && p[at + 2] == 1;
      size_t size = at + 5;
      const auto known = names_.find(name);
      if (known != names_.end() && known->second.empty()) continue;
      p[2] = 0x81;
      p[3] = known == names_.end() ? 0x83 : 0x80;
      for (int i = 6; i < 12; ++i) p[i] = 0;
      if (known != names_.end() && wants_v4) {
        p[7] = 1;
        for (const int b : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4}) p[size++] = static_cast<uint8_t>(b);
        ::inet_pton(AF_INET, known->second.c_str(), p + size);
        size += 4;
      }
      ::sendto(fd_, p, size, 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  std::map<std::string, std::string> names_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

} // namespace actord::test
