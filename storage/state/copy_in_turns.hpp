// A copy of a database that gives way to others on its disk.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/state/store.hpp"
#include <string>

namespace actord::lmdb {
class environment;
}

namespace actord::state {

// A compacted copy of one moment into an open, empty file; not synced. Takes a thread of its own meanwhile, for LMDB writes into a pipe.
status copy_in_turns(lmdb::environment& env, int fd, const std::string& path, const copy_turn& turn);

} // namespace actord::state
