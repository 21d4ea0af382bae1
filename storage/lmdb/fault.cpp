#include "storage/lmdb/fault.hpp"
#include <array>
#include <atomic>
#include <mutex>

namespace actord::lmdb {

namespace {

struct known_map {
  const void* key = nullptr; // guarded by the mutex; the rest is read by signal handlers
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<owner> whose{owner::nobody};
};
std::array<known_map, 16> maps;
std::mutex maps_lock;
std::atomic<assertion_handler> handler{nullptr};

} // namespace

owner owner_of_fault(const void* address) noexcept {
  const auto at = reinterpret_cast<uintptr_t>(address);
  for (auto& m : maps)
    if (at >= m.begin.load(std::memory_order_acquire) && at < m.end.load(std::memory_order_acquire)) return m.whose.load(std::memory_order_acquire);
  return inside::now;
}

void on_assertion(assertion_handler f) { handler.store(f); }

void assertion_failed(owner of, const char* text) {
  if (auto f = handler.load()) f(of, text);
}

// One that finds no place is still known by who is inside of it.
void note_map(const void* key, owner o, uint64_t begin, uint64_t end) noexcept {
  std::lock_guard lock(maps_lock);
  known_map* place = nullptr;
  for (auto& m : maps) {
    if (m.key == key) place = &m;
    if (m.key == nullptr && !place) place = &m;
  }
  if (!place) return;
  place->key = key;
  place->whose.store(o);
  place->end.store(0);
  place->begin.store(begin);
  place->end.store(end, std::memory_order_release);
}

void forget_map(const void* key) noexcept {
  std::lock_guard lock(maps_lock);
  for (auto& m : maps) {
    if (m.key != key) continue;
    m.end.store(0);
    m.key = nullptr;
  }
}

} // namespace actord::lmdb
