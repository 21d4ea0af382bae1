#include "runtime/base/files.hpp"
#include "runtime/base/errno_text.hpp"
#include "runtime/base/file_wait.hpp"
#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

namespace {

std::string folder_of(const std::string& path) {
  const auto cut = path.rfind('/');
  return cut == std::string::npos ? "." : cut == 0 ? "/" : path.substr(0, cut);
}

// EFBIG is the limit of a process (ulimit -f): as much a disk without room to it as any other.
bool has_no_room(int code) { return code == ENOSPC || code == EDQUOT || code == EROFS || code == EFBIG; }

error no_file(const std::string& path, mode_t mode) {
  if (S_ISDIR(mode)) return file_error("read", path, EISDIR);
  const char* what = S_ISFIFO(mode) ? "a named pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
  return {errc::internal, "open " + path + ": is " + what + " and no file"};
}

lookup<std::string> read_open(int fd, const std::string& path, size_t most_bytes) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return file_error("stat", path);
  const error too_large(errc::too_large, "read " + path + ": larger than " + std::to_string(most_bytes) + " bytes");
  std::string out;
  if (S_ISREG(st.st_mode)) {
    if (static_cast<size_t>(st.st_size) > most_bytes) return too_large;
    out.reserve(static_cast<size_t>(st.st_size));
  }
  char piece[16 << 10];
  for (;;) {
    const ssize_t n = ::read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("read", path);
    if (n == 0) return std::optional(std::move(out));
    if (out.size() + static_cast<size_t>(n) > most_bytes) return too_large;
    out.append(piece, static_cast<size_t>(n));
  }
}

} // namespace

error file_error(const char* what, const std::string& path, int code) {
  return {has_no_room(code) ? errc::storage_full : errc::internal, std::string(what) + " " + path + ": " + go_errno_text(code)};
}

result<bool> is_file(const std::string& path) {
  const file_wait waits(path);
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return errno == ENOENT ? result<bool>(false) : result<bool>(file_error("stat", path));
  if (!S_ISREG(st.st_mode)) return no_file(path, st.st_mode);
  return true;
}

// Looked at before it is opened, too: opening a device can do something.
lookup<int> open_file(const std::string& path, int flags) {
  const file_wait waits(path);
  struct stat st{};
  if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) return no_file(path, st.st_mode);
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno == ENOENT ? lookup<int>(std::optional<int>()) : lookup<int>(file_error("open", path));
  const bool regular = ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  if (regular) return std::optional(fd);
  ::close(fd);
  return no_file(path, st.st_mode);
}

result<int> open_fresh(const std::string& path, int flags, mode_t mode) {
  const file_wait waits(path);
  for (bool again : {true, false}) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags, mode);
    if (fd >= 0) return fd;
    const int code = errno;
    if (code != EEXIST || !again || (::unlink(path.c_str()) != 0 && errno != ENOENT)) return file_error("open", path, code == EEXIST ? errno : code);
  }
  return file_error("open", path, EEXIST);
}

lookup<std::string> read_file(const std::string& path, size_t most_bytes) {
  const file_wait waits(path);
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return fd.err();
  if (!*fd) return std::optional<std::string>();
  auto out = read_open(**fd, path, most_bytes);
  ::close(**fd);
  return out;
}

lookup<std::string> read_whatever(const std::string& path, size_t most_bytes) {
  const file_wait waits(path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 && errno == ENOENT) return std::optional<std::string>();
  if (fd < 0) return file_error("open", path);
  auto out = read_open(fd, path, most_bytes);
  ::close(fd);
  return out;
}

lookup<std::vector<std::string>> list_files(const std::string& path, bool folders) {
  const file_wait waits(path);
  DIR* folder = ::opendir(path.c_str());
  if (!folder && errno == ENOENT) return std::optional<std::vector<std::string>>();
  if (!folder) return file_error("open", path);
  std::vector<std::string> names;
  int code = 0;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    if (!entry) {
      code = errno;
      break;
    }
    const std::string name = entry->d_name;
    struct stat st{};
    // What cannot be looked at counts as a file: whoever reads it hears why.
    if (name == "." || name == "..") continue;
    if (!folders && ::fstatat(::dirfd(folder), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode)) continue;
    names.push_back(name);
  }
  ::closedir(folder);
  if (code != 0) return file_error("readdir", path, code);
  std::sort(names.begin(), names.end());
  return std::optional(std::move(names));
}

lookup<std::vector<std::string>> files_below(const std::string& path) {
  namespace fs = std::filesystem;
  const file_wait waits(path);
  std::error_code failed;
  if (!fs::exists(path, failed) && !failed) return std::optional<std::vector<std::string>>();
  std::vector<std::string> out;
  for (auto at = fs::recursive_directory_iterator(path, failed); !failed && at != fs::recursive_directory_iterator(); at.increment(failed))
    if (!at->is_directory(failed)) out.push_back(at->path());
  if (failed) return file_error("open", path, failed.value());
  std::sort(out.begin(), out.end());
  return std::optional(std::move(out));
}

status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return file_error("write", path, n < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

status sync_folder(const std::string& path) {
  const file_wait waits(path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return file_error("open", path);
  status out;
  if (::fsync(fd) != 0) out = file_error("sync", path);
  ::close(fd);
  return out;
}

status replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const file_wait waits(path);
  const std::string beside = path + ".tmp";
  const auto fd = open_fresh(beside, 0, mode);
  if (!fd) return fd.err();
  auto written = write_all(*fd, bytes, beside);
  if (written && ::fsync(*fd) != 0) written = file_error("sync", beside);
  ::close(*fd);
  if (written && ::rename(beside.c_str(), path.c_str()) != 0) written = file_error("rename to", path);
  if (!written) {
    ::unlink(beside.c_str());
    return written;
  }
  return sync_folder(folder_of(path));
}

status replace_or_overwrite(const std::string& path, std::string_view bytes) {
  auto s = replace_file(path, bytes);
  if (s || s.err().code != errc::storage_full) return s;
  const auto fd = open_file(path, O_WRONLY);
  if (!fd || !*fd) return s;
  auto written = write_all(**fd, bytes, path);
  if (written && ::ftruncate(**fd, static_cast<off_t>(bytes.size())) != 0) written = file_error("cut", path);
  if (written && ::fsync(**fd) != 0) written = file_error("sync", path);
  ::close(**fd);
  return written;
}

status make_folder(const std::string& path, mode_t mode) {
  const file_wait waits(path);
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const int code = errno;
  struct stat st{};
  if (code == EEXIST && ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
  if (code != ENOENT || folder_of(path) == path) return file_error("mkdir", path, code);
  if (auto s = make_folder(folder_of(path), mode); !s) return s;
  return ::mkdir(path.c_str(), mode) == 0 || errno == EEXIST ? status() : status(file_error("mkdir", path));
}

} // namespace actord
