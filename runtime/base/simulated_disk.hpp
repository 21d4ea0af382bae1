// What the disk under an agent's own files does in a simulation, which runs many agents in one thread: it is full, or its process is
// being killed and nothing of what it still does may be kept. Only the simulator's own build of the actors defines
// ACTORD_BREAKABLE; everywhere else the disk is the machine's, and what depends on it is not compiled.
#pragma once
#include <cstdint>

namespace actord {

enum class disk : uint8_t { real, full, gone };

#ifdef ACTORD_BREAKABLE
inline thread_local disk simulated_disk = disk::real; // of who runs in this thread
inline disk disk_now() { return simulated_disk; }
#else
constexpr disk disk_now() { return disk::real; }
#endif

} // namespace actord
