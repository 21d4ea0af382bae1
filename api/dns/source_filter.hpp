// Has the kernel drop a part of what certain sources send to a UDP socket, before it takes room in the socket's queue: behind what one source sends
// too much of, others' packets wait. Classic BPF on the socket (socket(7), SO_ATTACH_FILTER), which needs no privilege; where the kernel refuses it,
// nothing is held back. A source is an address of IPv4, or the /64 of one of IPv6.
#pragma once
#include <cstdint>
#include <sys/socket.h>
#include <vector>

namespace actord::dns {

class source_filter {
public:
  explicit source_filter(int fd) : fd_(fd) {} // the caller's, who keeps it open
  ~source_filter();
  source_filter(const source_filter&) = delete;
  source_filter& operator=(const source_filter&) = delete;

  // From now on half as much as before of what this source sends comes in, but no less than one packet in 256.
  void press(const sockaddr_storage& source);
  // Twice as much as before of each.
  void ease();
  bool active() const { return !held_back_.empty(); }

private:
  struct entry {
    bool is_v6;
    uint32_t high, low; // the /64, or in `low` the address
    unsigned halvings;
  };
  void attach();

  int fd_;
  std::vector<entry> held_back_;
};

} // namespace actord::dns
