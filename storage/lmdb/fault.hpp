// Whose environment is at fault when the process faults or LMDB's own checks fail. LMDB believes what it finds in its map: on a
// damaged page it may read or write anywhere.
#pragma once
#include <cstdint>

namespace actord::lmdb {

enum class owner : uint8_t { nobody, state, log };

// Of the map that the address lies in, else of the environment that this thread is at work in. Async-signal-safe.
owner owner_of_fault(const void* address) noexcept;

// LMDB found a contradiction in an environment with an owner and is about to abort. Called on the thread that was at work in it.
using assertion_handler = void (*)(owner of, const char* text);
void on_assertion(assertion_handler f);

// This thread is inside of LMDB.
class inside {
public:
  explicit inside(owner o) noexcept : before_(now) { now = o; }
  ~inside() { now = before_; }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;

private:
  friend owner owner_of_fault(const void* address) noexcept;
  static inline thread_local constinit owner now = owner::nobody;
  owner before_;
};

// For environment.cpp: the maps there are.
void note_map(const void* key, owner o, uint64_t begin, uint64_t end) noexcept;
void forget_map(const void* key) noexcept;
void assertion_failed(owner of, const char* text);

} // namespace actord::lmdb
