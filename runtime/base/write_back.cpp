#include "runtime/base/write_back.hpp"
#include "runtime/base/files.hpp"
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace actord {

namespace {
constexpr uint64_t on_their_way = 512 << 10; // bytes
}

status write_back::wrote(int fd, uint64_t at, uint64_t bytes, const std::string& path) {
  if (::sync_file_range(fd, static_cast<off64_t>(at), static_cast<off64_t>(bytes), SYNC_FILE_RANGE_WRITE) != 0) { // not every file system can
    there_ = at + bytes;
    return ::fdatasync(fd) == 0 ? status() : status(file_error("sync", path));
  }
  const auto end = at + bytes;
  if (end < there_ + 2 * on_their_way) return {};
  const auto from = std::exchange(there_, end - on_their_way);
  if (::sync_file_range(fd, static_cast<off64_t>(from), static_cast<off64_t>(there_ - from),
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) != 0)
    return file_error("write", path);
  return {};
}

} // namespace actord
