// Bytes of streams that the pool's actor was handed and has not yet taken, in all and by source: where they are too many, it is who has many of
// them that is cut off.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace actord::gossip {

constexpr size_t most_waiting_bytes = 32 << 20;

class stream_backlog {
public:
  static uint8_t source_of(std::string_view ip) { return static_cast<uint8_t>(std::hash<std::string_view>()(ip)); }
  // Counts them, unless they may not wait.
  bool put(uint8_t source, size_t bytes) {
    const size_t before = all_.load(std::memory_order_relaxed), own = of_source_[source].load(std::memory_order_relaxed);
    if (before + bytes > (own + bytes > share ? most_waiting_bytes : 2 * most_waiting_bytes)) return false;
    all_.fetch_add(bytes, std::memory_order_relaxed);
    of_source_[source].fetch_add(bytes, std::memory_order_relaxed);
    return true;
  }
  void taken(uint8_t source, size_t bytes) {
    all_.fetch_sub(bytes, std::memory_order_relaxed);
    of_source_[source].fetch_sub(bytes, std::memory_order_relaxed);
  }

private:
  static constexpr size_t share = most_waiting_bytes / 8;
  std::atomic<size_t> all_{0};
  std::array<std::atomic<size_t>, 256> of_source_{};
};

} // namespace actord::gossip
