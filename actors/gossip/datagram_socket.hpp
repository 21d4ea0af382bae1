// The UDP socket of a pool: a thread of its own reads batches and hands them to a sink, anybody sends. CAF's UDP brokers
// are unusable (a failed sendto crashes them).
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/error.hpp"
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <thread>

namespace actord::gossip {

struct datagram {
  std::string bytes;
  address with; // where it came from, or goes to
};

class datagram_socket {
public:
  static constexpr size_t batch = 32;            // packets per system call and per message to the actor
  static constexpr size_t most_waiting = 8 << 20; // bytes that were handed out and not taken; what comes beyond is dropped

  using sink = std::function<void(std::vector<datagram>)>; // called in the reader's thread

  // The error names the address. Port 0: the kernel picks.
  static result<std::unique_ptr<datagram_socket>> open(const std::string& ip, uint16_t port);
  ~datagram_socket(); // ends the thread
  datagram_socket(const datagram_socket&) = delete;

  uint16_t port() const;
  // Once. taken() is called for each batch that was handed out, when it has been dealt with.
  void start(sink to);
  void taken(const std::vector<datagram>& done);
  // Never waits: what the kernel does not take is dropped, as the network would. Returns how many were sent.
  size_t send(std::span<const datagram> out);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); } // because nobody took them in time

private:
  datagram_socket(int fd, int stop, int family) : fd_(fd), stop_(stop), family_(family) {}
  void read_loop(const sink& to);

  int fd_, stop_, family_;
  std::atomic<size_t> waiting_{0};
  std::atomic<uint64_t> dropped_{0};
  std::thread reader_;
};

} // namespace actord::gossip
