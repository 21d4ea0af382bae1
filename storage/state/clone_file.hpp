// A second copy of a file that nobody writes to any more.
#pragma once
#include "runtime/base/error.hpp"
#include <string>

namespace actord::state {

// Where the file system can (Btrfs, XFS), the copy shares the blocks of the original until one of them is written to, which takes no
// time and no room; elsewhere its bytes are copied. Not synced.
status clone_file(const std::string& from, const std::string& to);

} // namespace actord::state
