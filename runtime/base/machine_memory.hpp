// How much memory this process may use: of the machine's, what its control groups (Linux's cgroups, both versions) and its own limits
// leave. What others can make us hold is bounded by a part of it.
#pragma once
#include <cstdint>
#include <string>

namespace actord {

// How many descriptors it may have open now.
uint64_t usable_descriptors();

// `root`: of the file system, for tests; limits of the process itself (setrlimit) count only without it. 0: unknown.
uint64_t usable_memory(const std::string& root = {});

} // namespace actord
