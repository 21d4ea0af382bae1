#include "tests/bench/http_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace actord::bench {

void answer_reader::reset() {
  state_ = state::head;
  left_ = 0;
  head_.clear();
  line_.clear();
  answer_.status = 0;
  answer_.index = 0;
  answer_.body.clear();
}

std::size_t answer_reader::feed(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !done() && !broken()) {
    const auto rest = bytes.substr(at);
    switch (state_) {
      case state::head: at += feed_head(rest); break;
      case state::sized:
      case state::chunk: {
        const auto take = std::min(left_, rest.size());
        if (keep_body_) {
          // A chunk ends with a line break that is not of the body.
          const auto of_body = state_ == state::chunk ? std::min(take, left_ > 2 ? left_ - 2 : 0) : take;
          answer_.body.append(rest.substr(0, of_body));
        }
        left_ -= take;
        at += take;
        if (left_ == 0) state_ = state_ == state::sized ? state::done : state::chunk_size;
        break;
      }
      case state::chunk_size:
      case state::trailer: at += feed_line(rest); break;
      case state::done:
      case state::broken: break;
    }
  }
  return at;
}

std::size_t answer_reader::feed_head(std::string_view bytes) {
  const auto before = head_.size();
  // The common case is a whole head in one piece; otherwise it is put together.
  head_.append(bytes.substr(0, std::min<std::size_t>(bytes.size(), 16384)));
  const auto end = head_.find("\r\n\r\n", before > 3 ? before - 3 : 0);
  if (end == std::string::npos) {
    if (head_.size() > 65536) state_ = state::broken;
    return head_.size() - before;
  }
  head_.resize(end + 4);
  read_head();
  return head_.size() - before;
}

void answer_reader::read_head() {
  answer_.status = head_.size() > 12 ? std::atoi(head_.c_str() + 9) : 0;
  bool chunked = false;
  left_ = 0;
  for (std::size_t at = head_.find("\r\n"); at != std::string::npos && at + 4 < head_.size();
       at = head_.find("\r\n", at + 2)) {
    const char* line = head_.c_str() + at + 2;
    if (::strncasecmp(line, "content-length:", 15) == 0) left_ = std::strtoull(line + 15, nullptr, 10);
    if (::strncasecmp(line, "transfer-encoding: chunked", 26) == 0) chunked = true;
    if (::strncasecmp(line, "x-consul-index:", 15) == 0) answer_.index = std::strtoull(line + 15, nullptr, 10);
  }
  state_ = answer_.status == 0 ? state::broken : chunked ? state::chunk_size : left_ ? state::sized : state::done;
}

std::size_t answer_reader::feed_line(std::string_view bytes) {
  const auto end = bytes.find('\n');
  if (end == std::string_view::npos) {
    line_.append(bytes);
    return bytes.size();
  }
  line_.append(bytes.substr(0, end));
  if (state_ == state::trailer) {
    // The trailer ends with an empty line.
    if (line_.empty() || line_ == "\r") state_ = state::done;
  } else {
    const auto size = std::strtoull(line_.c_str(), nullptr, 16);
    left_ = size + 2;
    state_ = size == 0 ? state::trailer : state::chunk;
  }
  line_.clear();
  return end + 1;
}

int connect_local(std::uint16_t port, int kind) {
  const int socket = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket);
    return -1;
  }
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

std::string request_text(std::string_view method, std::string_view path, std::string_view body) {
  if (body.empty() && method == "GET") return fmt::format("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", path);
  return fmt::format("{} {} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{}", method, path, body.size(), body);
}

http_client::http_client(std::uint16_t port) : socket_(connect_local(port, SOCK_STREAM)) {
  const timeval limit{120, 0};
  if (socket_ >= 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

http_client::~http_client() {
  if (socket_ >= 0) ::close(socket_);
}

http_answer http_client::exchange(std::string_view method, std::string_view path, std::string_view body) {
  const auto text = request_text(method, path, body);
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return {};
    sent += static_cast<std::size_t>(n);
  }
  answer_reader reader(true);
  char buffer[65536];
  while (!reader.done()) {
    const auto n = ::recv(socket_, buffer, sizeof buffer, 0);
    if (n <= 0) return {};
    reader.feed({buffer, static_cast<std::size_t>(n)});
    if (reader.broken()) return {};
  }
  return reader.answer();
}

http_answer http_client::must(std::string_view method, std::string_view path, std::string_view body) {
  auto answer = exchange(method, path, body);
  if (answer.status != 200)
    throw std::runtime_error(fmt::format("{} {} answered {}: {}", method, path, answer.status, answer.body.substr(0, 300)));
  return answer;
}

} // namespace actord::bench
