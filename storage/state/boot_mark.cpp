#include "storage/state/boot_mark.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace actord::state {

namespace {

error failed(const std::string& what, const std::string& path) {
  auto code = errno == ENOSPC || errno == EDQUOT ? errc::storage_full : errc::internal;
  return {code, what + " " + path + ": " + std::strerror(errno)};
}

status write_all(int fd, const std::string& bytes, const std::string& path) {
  for (size_t done = 0; done < bytes.size();) {
    auto n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("writing", path);
    done += static_cast<size_t>(n);
  }
  return {};
}

} // namespace

std::string current_boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

bool read_mark(const std::string& folder, boot_mark& out) {
  std::ifstream in(folder + "/run");
  std::string word;
  if (!std::getline(in, out.boot_id) || !std::getline(in, word)) return false;
  out.clean = word == "clean";
  return out.clean || word == "open";
}

status write_mark(const std::string& folder, const boot_mark& m) {
  auto path = folder + "/run", next = folder + "/run.tmp";
  int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed("opening", next);
  auto s = write_all(fd, m.boot_id + "\n" + (m.clean ? "clean" : "open") + "\n", next);
  if (s && ::fsync(fd) != 0) s = failed("syncing", next);
  ::close(fd);
  if (!s) return s;
  if (::rename(next.c_str(), path.c_str()) != 0) return failed("renaming", next);
  return sync_folder(folder);
}

bool can_trust(const boot_mark& left, const std::string& now) { return left.clean || (!now.empty() && left.boot_id == now); }

status sync_folder(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("opening", folder);
  int rc = ::fsync(fd);
  auto s = rc == 0 ? status{} : status{failed("syncing", folder)};
  ::close(fd);
  return s;
}

status copy_file(const std::string& from, const std::string& to) {
  std::error_code ec;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, ec);
  if (ec) return error{ec.value() == ENOSPC ? errc::storage_full : errc::internal, "copying " + from + ": " + ec.message()};
  int fd = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("opening", to);
  int rc = ::fsync(fd);
  auto s = rc == 0 ? status{} : status{failed("syncing", to)};
  ::close(fd);
  return s;
}

} // namespace actord::state
