#include "runtime/base/disk_room.hpp"
#include "runtime/base/errno_text.hpp"
#include <algorithm>
#include <cerrno>
#include <sys/statvfs.h>

namespace actord {

status room_for(const std::string& folder, uint64_t bytes) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) return error{errc::internal, "statfs " + folder + ": " + go_errno_text(errno)};
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize, needed = bytes + std::min<uint64_t>(bytes / 8, 16 << 20);
  if (disk.f_blocks == 0 || free >= needed) return {}; // some file systems do not say how much they hold
  return error{errc::storage_full, "write " + folder + ": " + go_errno_text(ENOSPC) + ": " + std::to_string(needed) + " bytes are needed, " + std::to_string(free) + " are free"};
}

} // namespace actord
