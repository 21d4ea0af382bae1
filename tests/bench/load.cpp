#include "tests/bench/tally.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace actord::bench {

namespace {

struct http_slot {
  int socket = -1;
  std::int64_t sent_ns = 0;
  std::size_t sent = 0;
  std::string request;
  answer_reader reader;
};

/// Sends what is left of the request; false when the connection is broken.
bool push(http_slot& slot, int epoll, std::uint32_t number) {
  while (slot.sent < slot.request.size()) {
    const auto n = ::send(slot.socket, slot.request.data() + slot.sent, slot.request.size() - slot.sent,
                          MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      slot.sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      epoll_event event{EPOLLIN | EPOLLOUT, {.u32 = number}};
      ::epoll_ctl(epoll, EPOLL_CTL_MOD, slot.socket, &event);
      return true;
    } else {
      return false;
    }
  }
  return true;
}

/// Reads what has come; 1 when the answer is complete, 0 when not yet, -1 when the connection is broken.
int pull(http_slot& slot, char* buffer, std::size_t size) {
  for (;;) {
    const auto n = ::recv(slot.socket, buffer, size, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    if (n == 0) return -1;
    slot.reader.feed({buffer, static_cast<std::size_t>(n)});
    if (slot.reader.done()) return 1;
    if (slot.reader.broken()) return -1;
  }
}

} // namespace

double percentile(std::vector<double>& samples, double share) {
  if (samples.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at), samples.end());
  return samples[at];
}

load_result http_load(const load_plan& plan, const request_maker& make) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<http_slot> slots(static_cast<std::size_t>(plan.width));
  for (std::uint32_t n = 0; n < slots.size(); ++n) {
    slots[n].socket = connect_local(plan.port, SOCK_STREAM);
    if (slots[n].socket < 0) throw std::runtime_error(fmt::format("cannot connect to port {}", plan.port));
    epoll_event event{EPOLLIN, {.u32 = n}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, slots[n].socket, &event);
  }
  tally count(plan);
  std::uint64_t begun = 0;
  std::size_t busy = 0;
  // Begins the next request on a slot; false when there is none.
  auto begin = [&](std::uint32_t number) {
    auto& slot = slots[number];
    const auto now = now_ns();
    if (!count.may_begin(begun, now)) return false;
    make(begun++, slot.request);
    slot.reader.reset();
    slot.sent = 0;
    slot.sent_ns = now;
    return push(slot, epoll, number);
  };
  for (std::uint32_t n = 0; n < slots.size(); ++n)
    if (begin(n)) ++busy;
  std::vector<char> buffer(1 << 18);
  epoll_event events[256];
  while (busy > 0) {
    const int ready = ::epoll_wait(epoll, events, 256, 120'000);
    if (ready == 0) throw std::runtime_error("no answer within two minutes");
    for (int e = 0; e < ready; ++e) {
      const auto number = events[e].data.u32;
      auto& slot = slots[number];
      if (events[e].events & EPOLLOUT) {
        epoll_event event{EPOLLIN, {.u32 = number}};
        ::epoll_ctl(epoll, EPOLL_CTL_MOD, slot.socket, &event);
        push(slot, epoll, number);
      }
      const int got = pull(slot, buffer.data(), buffer.size());
      if (got == 0) continue;
      count.answered(now_ns() - slot.sent_ns, got > 0 && slot.reader.answer().status == 200);
      if (got < 0) ::epoll_ctl(epoll, EPOLL_CTL_DEL, slot.socket, nullptr);
      if (got < 0 || !begin(number)) --busy;
    }
  }
  auto result = count.finish();
  for (auto& slot : slots) ::close(slot.socket);
  ::close(epoll);
  return result;
}

std::string dns_question(const std::string& name, int qtype) {
  std::string packet("\0\0\x01\0\0\1\0\0\0\0\0\0", 12);
  for (std::size_t at = 0; at < name.size();) {
    const auto dot = std::min(name.find('.', at), name.size());
    packet += static_cast<char>(dot - at);
    packet += name.substr(at, dot - at);
    at = dot + 1;
  }
  packet += '\0';
  packet += '\0';
  packet += static_cast<char>(qtype);
  packet += std::string("\0\1", 2);
  return packet;
}

namespace {

/// One UDP socket with its share of the window. Packets are sent and taken in batches, so that the generator costs
/// less than the server that it measures.
class dns_socket {
public:
  dns_socket(std::uint16_t port, std::size_t window, const std::string& question)
    : socket_(connect_local(port, SOCK_DGRAM)), window_(window), packets_(window, question), sent_ns_(window, 0) {
    if (socket_ < 0) throw std::runtime_error("no UDP socket");
  }
  ~dns_socket() { ::close(socket_); }
  dns_socket(const dns_socket&) = delete;
  dns_socket& operator=(const dns_socket&) = delete;
  int socket() const { return socket_; }
  bool busy() const {
    return std::any_of(sent_ns_.begin(), sent_ns_.end(), [](auto sent) { return sent != 0; });
  }

  /// Asks with each of the slots.
  void ask(const std::vector<std::size_t>& slots) {
    std::vector<iovec> parts(slots.size());
    std::vector<mmsghdr> messages(slots.size());
    const auto now = now_ns();
    for (std::size_t n = 0; n < slots.size(); ++n) {
      auto& packet = packets_[slots[n]];
      const auto id = static_cast<std::uint16_t>(slots[n] + (generation_++ % 512) * window_);
      packet[0] = static_cast<char>(id >> 8);
      packet[1] = static_cast<char>(id & 0xff);
      sent_ns_[slots[n]] = now;
      parts[n] = {packet.data(), packet.size()};
      messages[n] = {};
      messages[n].msg_hdr.msg_iov = &parts[n];
      messages[n].msg_hdr.msg_iovlen = 1;
    }
    for (std::size_t done = 0; done < slots.size();) {
      const int n = ::sendmmsg(socket_, messages.data() + done, static_cast<unsigned>(slots.size() - done), 0);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
  }

  /// Takes what has come; the slots that are free again go to `freed`.
  void take(tally& count, std::vector<std::size_t>& freed) {
    constexpr unsigned batch = 64;
    thread_local char space[batch][4096];
    iovec parts[batch];
    mmsghdr messages[batch] = {};
    for (unsigned n = 0; n < batch; ++n) {
      parts[n] = {space[n], sizeof space[n]};
      messages[n].msg_hdr.msg_iov = &parts[n];
      messages[n].msg_hdr.msg_iovlen = 1;
    }
    const int got = ::recvmmsg(socket_, messages, batch, MSG_DONTWAIT, nullptr);
    const auto now = now_ns();
    for (int n = 0; n < got; ++n) {
      const auto* packet = reinterpret_cast<unsigned char*>(space[n]);
      if (messages[n].msg_len < 12) continue;
      const auto slot = static_cast<std::size_t>((packet[0] << 8) | packet[1]) % window_;
      const auto& asked = packets_[slot];
      // An answer to a question that was given up is not counted.
      if (sent_ns_[slot] == 0 || std::memcmp(asked.data(), packet, 2) != 0) continue;
      const bool good = (packet[3] & 15) == 0 && (packet[6] | packet[7]) != 0;
      count.answered(now - sent_ns_[slot], good);
      sent_ns_[slot] = 0;
      freed.push_back(slot);
    }
  }

  /// Asks again what has had no answer for too long.
  void ask_again(tally& count, std::int64_t now) {
    std::vector<std::size_t> late;
    for (std::size_t slot = 0; slot < window_; ++slot)
      if (sent_ns_[slot] != 0 && now - sent_ns_[slot] > 300'000'000) {
        late.push_back(slot);
        count.lost();
      }
    if (!late.empty()) ask(late);
  }

private:
  int socket_;
  std::size_t window_;
  std::uint64_t generation_ = 0;
  std::vector<std::string> packets_;
  std::vector<std::int64_t> sent_ns_;
};

} // namespace

load_result dns_load(const load_plan& plan, const std::string& question) {
  const auto sockets = static_cast<std::size_t>(std::min(plan.width, 8));
  const auto window = static_cast<std::size_t>(plan.width) / sockets;
  std::vector<std::unique_ptr<dns_socket>> all;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::size_t> slots(window);
  for (std::size_t n = 0; n < window; ++n) slots[n] = n;
  for (std::uint32_t n = 0; n < sockets; ++n) {
    all.push_back(std::make_unique<dns_socket>(plan.port, window, question));
    epoll_event event{EPOLLIN, {.u32 = n}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, all[n]->socket(), &event);
  }
  tally count(plan);
  std::uint64_t begun = sockets * window;
  for (auto& socket : all) socket->ask(slots);
  epoll_event events[16];
  std::vector<std::size_t> freed;
  const auto give_up = now_ns() + static_cast<std::int64_t>((plan.seconds + 10) * 1e9);
  while (std::any_of(all.begin(), all.end(), [](auto& socket) { return socket->busy(); })) {
    const int ready = ::epoll_wait(epoll, events, 16, 100);
    const auto now = now_ns();
    if (now > give_up) break;
    for (int e = 0; e < ready; ++e) {
      auto& socket = *all[events[e].data.u32];
      freed.clear();
      socket.take(count, freed);
      if (freed.empty() || !count.may_begin(begun, now)) continue;
      begun += freed.size();
      socket.ask(freed);
    }
    if (ready == 0)
      for (auto& socket : all) socket->ask_again(count, now);
  }
  ::close(epoll);
  return count.finish();
}

held_connections::held_connections(std::uint16_t port, int count) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  connections_.reserve(static_cast<std::size_t>(count));
  for (int n = 0; n < count; ++n) {
    const int socket = connect_local(port, SOCK_STREAM);
    if (socket < 0)
      throw std::runtime_error(fmt::format("connection {} of {} failed: {}", n, count, std::strerror(errno)));
    connections_.push_back({socket, answer_reader{}});
    epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(n)}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }
}

held_connections::~held_connections() {
  for (auto& each : connections_) ::close(each.socket);
  ::close(epoll_);
}

void held_connections::send(const request_maker& make) {
  std::string text;
  for (std::size_t n = 0; n < connections_.size(); ++n) {
    make(n, text);
    connections_[n].reader.reset();
    if (::send(connections_[n].socket, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("a held connection was closed by the server");
  }
}

int held_connections::collect(double seconds, std::int64_t& first_ns, std::int64_t& last_ns) {
  const auto deadline = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::size_t waiting = connections_.size();
  int failed = 0;
  char buffer[65536];
  epoll_event events[512];
  first_ns = last_ns = 0;
  while (waiting > 0 && now_ns() < deadline) {
    const int ready = ::epoll_wait(epoll_, events, 512, 200);
    for (int e = 0; e < ready; ++e) {
      auto& each = connections_[events[e].data.u32];
      const auto n = ::recv(each.socket, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) continue;
      if (n > 0) each.reader.feed({buffer, static_cast<std::size_t>(n)});
      if (n > 0 && !each.reader.done()) continue;
      if (n <= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, each.socket, nullptr);
      const int status = each.reader.answer().status;
      if (n <= 0 || (status != 200 && status != 404)) ++failed;
      last_ns = now_ns();
      if (first_ns == 0) first_ns = last_ns;
      --waiting;
    }
  }
  return failed + static_cast<int>(waiting);
}

} // namespace actord::bench
