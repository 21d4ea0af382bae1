// Whether there is room on a disk for something large, before it is begun.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>

namespace actord {

// Whether so many bytes can be written there, with a little left for others: who writes until the disk is full takes from them what they
// need. An error (errc::storage_full) says how much is needed and free.
status room_for(const std::string& folder, uint64_t bytes);

} // namespace actord
