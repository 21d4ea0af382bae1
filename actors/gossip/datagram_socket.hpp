// The UDP socket of a pool: a thread of its own reads batches and hands them to a sink, anybody sends. CAF's UDP brokers
// are unusable (a failed sendto crashes them).
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/error.hpp"
#include <array>
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
  static constexpr size_t most_waiting = 4 << 20; // bytes that were handed out and not taken; what comes beyond is dropped
  // From here on there is a flood, and each source may have only so many packets wait: else the acks of members wait behind it.
  static constexpr size_t flooded = 256 << 10, share = 64;
  static constexpr size_t cost = 160; // of a packet beside its bytes

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

  // Packets that nobody took in time, here or in the kernel (Linux's SO_MEMINFO; without it only here).
  uint64_t dropped() const;

private:
  datagram_socket(int fd, int stop, int family) : fd_(fd), stop_(stop), family_(family) {}
  void read_loop(const sink& to);
  bool may_wait(const address& from, size_t size);
  std::atomic<uint32_t>& waiting_of(const address& from);

  int fd_, stop_, family_;
  std::atomic<size_t> waiting_{0};
  std::array<std::atomic<uint32_t>, 1024> by_source_{}; // packets that wait; sources that collide share
  std::atomic<uint64_t> dropped_{0};
  std::thread reader_;
};

} // namespace actord::gossip
