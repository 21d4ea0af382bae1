// Where a msgpack value ends in bytes that arrive piece by piece: each byte is looked at once, nothing is kept of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace actord {

class value_extent {
public:
  enum class verdict : uint8_t { whole, unfinished, malformed, too_large };
  // Bytes of the value, and values in it, itself included.
  explicit value_extent(size_t limit, size_t most_values = ~size_t{0}) : limit_(limit), most_values_(most_values) {}

  // `in`: what has come so far, from the value's first byte on; the same bytes and more at each call.
  verdict scan(std::string_view in);
  // whole: the value's length. unfinished: the least length that it can have, more than in.size().
  size_t end() const { return end_; }

private:
  size_t limit_, most_values_;
  size_t values_ = 1; // known to be in it
  size_t at_ = 0;     // start of the next item
  uint64_t left_ = 1; // items to come, that one included
  size_t end_ = 1;
};

} // namespace actord
