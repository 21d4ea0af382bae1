// The sockets of a pool's port: a thread of its own reads packets in batches and takes connections, and hands both to sinks; anybody sends.
// CAF's UDP brokers are unusable (a failed sendto crashes them), and its listeners spin where descriptors have run out, in the thread that
// Raft's connections share.
#pragma once
#include "actors/gossip/packet_port.hpp"
#include "runtime/base/error.hpp"
#include <array>
#include <atomic>
#include <memory>
#include <thread>

namespace actord::gossip {

class datagram_socket final : public packet_port {
public:
  static constexpr size_t batch = 32;            // packets per system call and per message to the actor
  static constexpr size_t most_waiting = 4 << 20; // bytes that were handed out and not taken; what comes beyond is dropped
  // From here on there is a flood, and each source may have only so many packets wait: else the acks of members wait behind it.
  static constexpr size_t flooded = 256 << 10, share = 64;
  static constexpr size_t household_share = most_waiting / 2; // bytes, of all ports of an address (of IPv6: a /64) together
  static constexpr size_t cost = 160; // of a packet beside its bytes

  // The error names the address. Port 0: the kernel picks.
  static result<std::unique_ptr<datagram_socket>> open(const std::string& ip, uint16_t port);
  ~datagram_socket() override; // ends the thread
  datagram_socket(const datagram_socket&) = delete;

  uint16_t port() const override;
  void start(sink to, int listener = -1, connection_sink accepted = {}) override;
  void taken(const std::vector<datagram>& done) override;
  size_t send(std::span<const datagram> out) override;
  // Here or in the kernel (Linux's SO_MEMINFO; without it only here).
  uint64_t dropped() const override;

private:
  datagram_socket(int fd, int stop, int family) : fd_(fd), stop_(stop), family_(family) {}
  void read_loop(const sink& to);
  void accept_some();
  bool may_wait(const address& from, size_t size);
  struct counts {
    std::atomic<uint32_t>& packets; // of the source
    std::atomic<size_t>& bytes;     // of its household
  };
  counts waiting_of(const address& from);

  int fd_, stop_, family_, listener_ = -1;
  connection_sink accepted_;
  int pause_ms_ = 0; // nothing is accepted for so long
  std::atomic<size_t> waiting_{0};
  std::array<std::atomic<uint32_t>, 1024> by_source_{}; // packets that wait; sources that collide share
  std::array<std::atomic<size_t>, 256> by_household_{};     // bytes that wait, likewise
  std::atomic<uint64_t> dropped_{0};
  std::thread reader_;
};

} // namespace actord::gossip
