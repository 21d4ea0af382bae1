#include "storage/state/clone_file.hpp"
#include "runtime/base/disk_room.hpp"
#include "runtime/base/files.hpp"
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>

namespace actord::state {

status clone_file(const std::string& from, const std::string& to) {
  const auto in = open_file(from, O_RDONLY);
  if (!in) return in.err();
  const auto out = *in ? open_fresh(to) : result<int>(file_error("open", from, ENOENT));
  const bool shared = out && ::ioctl(*out, FICLONE, **in) == 0;
  if (*in) ::close(**in);
  if (!out) return out.err();
  ::close(*out);
  if (shared) return {};
  std::error_code ec;
  const auto bytes = std::filesystem::file_size(from, ec);
  if (auto s = ec ? status{} : room_for(std::filesystem::path(to).parent_path().string(), bytes); !s) {
    ::unlink(to.c_str());
    return error{s.err().code, "copying " + from + ": " + s.err().text};
  }
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, ec);
  if (!ec) return {};
  return error{ec.value() == ENOSPC || ec.value() == EDQUOT ? errc::storage_full : errc::internal, "copying " + from + ": " + ec.message()};
}

} // namespace actord::state
