// What waits to be written to one connection, in three lanes that overtake one another: signs of life and votes never
// wait behind entries, and a peer that does not read makes us hold a bounded number of bytes.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace actord::peer {

enum class lane : uint8_t { control = 0, requests = 1, entries = 2 }; // the first goes first

class outbox {
public:
  struct limits { // bytes per lane; a single frame may exceed them when its lane is empty
    std::array<size_t, 3> bytes{size_t{1} << 20, size_t{64} << 20, size_t{64} << 20};
  };
  outbox() = default;
  explicit outbox(limits l) : limits_(l) {}

  // False when push would drop any frame of that size: nothing needs to be encoded then.
  bool has_room(lane l, size_t size) const;
  // A ticket for cancel(), or 0 when the lane is full and the frame was dropped.
  uint64_t push(lane l, std::string frame);
  // True when the frame was still here: it will never leave then.
  bool cancel(lane l, uint64_t ticket);
  // The next frame to write, "" when there is none.
  std::string pop();
  size_t bytes() const { return bytes_[0] + bytes_[1] + bytes_[2]; }
  bool empty() const { return bytes() == 0; }

private:
  struct waiting {
    uint64_t ticket;
    std::string frame;
  };
  limits limits_;
  std::array<std::deque<waiting>, 3> lanes_;
  std::array<size_t, 3> bytes_{};
  uint64_t next_ticket_ = 0;
};

} // namespace actord::peer
