// A closed loop of reads by Consul's RPC, as its client agents ask: one connection, a stream for each request that is under way.

#include "tests/bench/tally.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <memory>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace actord::bench {

namespace {

enum : std::uint8_t { data_frame = 0, window_frame = 1, ping_frame = 2 };
enum : std::uint16_t { syn = 1, ack = 2, ended = 4 | 8 };
constexpr std::size_t head_size = 12;
constexpr std::uint32_t renew_after = 1 << 17; // half of a stream's window

std::uint64_t number(std::string_view in, std::size_t bytes) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < bytes; ++i) n = n << 8 | static_cast<unsigned char>(in[i]);
  return n;
}

void append_number(std::string& out, std::uint64_t n, int bytes) {
  while (bytes-- > 0) out.push_back(static_cast<char>(n >> 8 * bytes));
}

void append_head(std::string& out, std::uint8_t kind, std::uint16_t flags, std::uint32_t stream, std::uint32_t length) {
  out.push_back(0);
  out.push_back(static_cast<char>(kind));
  append_number(out, flags, 2);
  append_number(out, stream, 4);
  append_number(out, length, 4);
}

/// How many bytes the first msgpack value takes; 0 when it is not whole.
std::size_t value_size(std::string_view in) {
  std::size_t at = 0;
  for (std::uint64_t left = 1; left > 0; --left) {
    if (at >= in.size()) return 0;
    const auto c = static_cast<unsigned char>(in[at++]);
    if (c < 0x80 || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3) continue;
    if (c < 0x90) {
      left += 2 * (c & 15U);
    } else if (c < 0xa0) {
      left += c & 15U;
    } else if (c < 0xc0) {
      at += c & 31U;
    } else if (c >= 0xca && c <= 0xd3) {
      constexpr std::size_t sizes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
      at += sizes[c - 0xca];
    } else {
      const bool bytes = (c >= 0xc4 && c <= 0xc6) || (c >= 0xd9 && c <= 0xdb);
      if (!bytes && c < 0xdc) throw std::runtime_error(fmt::format("not msgpack: {:02x}", c));
      const std::size_t width = bytes ? 1U << ((c >= 0xd9 ? c - 0xd9 : c - 0xc4)) : (c & 1U ? 4 : 2);
      if (at + width > in.size()) return 0;
      const auto length = number(in.substr(at), width);
      at += width + (bytes ? length : 0);
      if (!bytes) left += c >= 0xde ? 2 * length : length;
    }
    if (at > in.size()) return 0;
  }
  return at;
}

struct stream_slot {
  std::string answer;
  std::int64_t sent_ns = 0;
  std::uint32_t taken = 0; // bytes since its window was renewed
};

class rpc_streams {
public:
  rpc_streams(const load_plan& plan, const request_maker& make) : plan_(plan), make_(make), slots_(static_cast<std::size_t>(plan.width)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(plan.port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    const int on = 1;
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket_);
      throw std::runtime_error(fmt::format("cannot connect to port {}", plan.port));
    }
    out_.push_back(4); // RPC in streams
    for (std::size_t i = 0; i < slots_.size(); ++i) append_head(out_, window_frame, syn, id_of(i), 0);
  }
  ~rpc_streams() { ::close(socket_); }
  rpc_streams(const rpc_streams&) = delete;
  rpc_streams& operator=(const rpc_streams&) = delete;

  load_result run() {
    tally count(plan_);
    for (std::size_t i = 0; i < slots_.size(); ++i) ask(i, count);
    while (waiting_ > 0) {
      flush();
      receive();
      std::size_t at = 0;
      while (in_.size() - at >= head_size) {
        const auto length = in_[at + 1] == data_frame ? number(std::string_view(in_).substr(at + 8), 4) : 0;
        if (in_.size() - at < head_size + length) break;
        take(std::string_view(in_).substr(at, head_size + length), count);
        at += head_size + length;
      }
      in_.erase(0, at);
    }
    return count.finish();
  }

private:
  static std::uint32_t id_of(std::size_t slot) { return static_cast<std::uint32_t>(2 * slot + 1); }

  void ask(std::size_t slot, const tally& count) {
    const auto now = now_ns();
    if (!count.may_begin(begun_, now)) return;
    make_(begun_++, request_);
    append_head(out_, data_frame, 0, id_of(slot), static_cast<std::uint32_t>(request_.size()));
    out_ += request_;
    slots_[slot].sent_ns = now;
    ++waiting_;
  }

  void take(std::string_view frame, tally& count) {
    const auto flags = number(frame.substr(2), 2);
    const auto stream = number(frame.substr(4), 4);
    if (frame[1] == ping_frame && (flags & syn)) append_head(out_, ping_frame, ack, 0, static_cast<std::uint32_t>(number(frame.substr(8), 4)));
    if (frame[1] == ping_frame || stream == 0) return;
    const auto slot = static_cast<std::size_t>(stream / 2);
    if (slot >= slots_.size() || (flags & ended)) throw std::runtime_error("the server closed a stream");
    auto& s = slots_[slot];
    s.answer.append(frame.substr(head_size));
    s.taken += static_cast<std::uint32_t>(frame.size() - head_size);
    if (s.taken >= renew_after) {
      append_head(out_, window_frame, 0, id_of(slot), s.taken);
      s.taken = 0;
    }
    const auto head = value_size(s.answer);
    if (head == 0 || value_size(std::string_view(s.answer).substr(head)) == 0) return;
    const bool good = std::string_view(s.answer).substr(0, head).find("\xa5" "Error\xa0") != std::string_view::npos;
    s.answer.clear();
    --waiting_;
    count.answered(now_ns() - s.sent_ns, good);
    ask(slot, count);
  }

  void flush() {
    for (std::size_t sent = 0; sent < out_.size();) {
      const auto n = ::send(socket_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) throw std::runtime_error("the connection broke");
      sent += static_cast<std::size_t>(n);
    }
    out_.clear();
  }

  void receive() {
    const auto n = ::recv(socket_, buffer_, sizeof buffer_, 0);
    if (n <= 0) throw std::runtime_error(n == 0 ? "the server hung up" : "no answer within 10 s");
    in_.append(buffer_, static_cast<std::size_t>(n));
  }

  load_plan plan_;
  const request_maker& make_;
  std::vector<stream_slot> slots_;
  int socket_ = -1;
  std::uint64_t begun_ = 0;
  std::size_t waiting_ = 0;
  std::string request_;
  std::string out_;
  std::string in_;
  char buffer_[1 << 16];
};

} // namespace

std::string rpc_key_read(std::string_view key) {
  std::string out("\x82\xa3" "Seq\x01\xad" "ServiceMethod\xa7" "KVS.Get\x82\xaa" "Datacenter\xa3" "dc1\xa3" "Key");
  out.push_back(static_cast<char>(0xa0 | key.size()));
  return out.append(key);
}

load_result rpc_load(const load_plan& plan, const request_maker& make) {
  const auto streams = std::make_unique<rpc_streams>(plan, make);
  return streams->run();
}

} // namespace actord::bench
