// For large files that are written beside others whose syncs must not wait (a Raft log's, on the same disk): each piece goes to the disk at once,
// and few are on their way. A sync waits for all that its disk was given, and one of a portion, however small, is one more to wait for.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <string>

namespace actord {

class write_back {
public:
  // These bytes of the file were written, behind those of the calls before. Waits until all but the last half MiB or so are with the disk. They are
  // durable only when the file is synced at the end, which also says whether all of it arrived.
  status wrote(int fd, uint64_t at, uint64_t bytes, const std::string& path);
  uint64_t there() const { return there_; } // bytes that it was waited for

private:
  uint64_t there_ = 0;
};

} // namespace actord
