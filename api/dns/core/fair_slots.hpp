// A bounded number of slots for what waits, in lines by source: sources are served in turn, and where no slot is free it is the source with
// the most waiting that has to give one up. One that asks for very much then takes from the others nothing but what they leave.
//
// Sources fall into 256 lines by a keyed hash: two may share one, and nobody who does not know the key can choose with whom.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace actord::dns {

class fair_slots {
public:
  static constexpr uint32_t none = ~uint32_t{0};
  fair_slots(uint32_t slots, uint64_t key);

  // A free slot, now the last of the source's line; none: all are taken.
  uint32_t take(uint64_t source);
  void release(uint32_t slot);
  // The first of the line whose turn it is, none when nothing waits; whoever serves it releases it.
  uint32_t next();
  uint32_t first_of_longest() const { return lines_[longest_].first; } // of the longest line; none when nothing waits
  bool has_longest(uint64_t source) const { return lines_[line_of(source)].length >= lines_[longest_].length; }
  bool empty() const { return taken_ == 0; }
  bool full() const { return free_ == none; }
  uint32_t taken() const { return taken_; }
  uint32_t size() const { return static_cast<uint32_t>(slots_.size()); }

private:
  static constexpr size_t line_count = 256;
  struct line {
    uint32_t first = none, last = none, length = 0;
  };
  struct slot {
    uint32_t before = none, behind = none;
    uint8_t line = 0;
  };
  size_t line_of(uint64_t source) const { return source * key_ >> 56; }

  uint64_t key_;
  std::array<line, line_count> lines_;
  std::array<uint64_t, line_count / 64> waiting_{}; // a bit per line that is not empty
  std::vector<slot> slots_;
  uint32_t free_ = none, taken_ = 0;
  size_t turn_ = 0; // the line after the one that was served last
  size_t longest_ = 0; // a line than which none is longer
};

} // namespace actord::dns
