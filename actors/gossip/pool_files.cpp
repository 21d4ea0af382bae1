#include "actors/gossip/pool_files.hpp"
#include "runtime/base/log.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::gossip {

namespace {

constexpr const char* log_name = "agent.gossip";
constexpr size_t file_limit = 64 << 20; // far above what either file comes to

error failed(const char* what, const std::string& path) {
  return error(errc::internal, std::string(what) + " " + path + ": " + std::strerror(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// False when there is none.
result<bool> read_all(const std::string& path, std::string& out) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return false;
  if (fd < 0) return failed("cannot read", path);
  char piece[16 << 10];
  ssize_t n = 0;
  while ((n = ::read(fd, piece, sizeof piece)) > 0 && out.size() < file_limit) out.append(piece, static_cast<size_t>(n));
  ::close(fd);
  if (n < 0) return failed("cannot read", path);
  return true;
}

status make_folder_of(const std::string& path) {
  std::error_code bad;
  const auto folder = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder, bad);
  if (bad) return error(errc::internal, "cannot make the folder " + folder.string() + ": " + bad.message());
  return {};
}

status replace(const std::string& path, const std::string& beside, std::string_view text) {
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed("cannot write", beside);
  const bool written = write_all(fd, text) && ::fsync(fd) == 0;
  auto why = failed("cannot write", beside);
  ::close(fd);
  if (!written || ::rename(beside.c_str(), path.c_str()) != 0) {
    if (written) why = failed("cannot replace", path);
    ::unlink(beside.c_str());
    return why;
  }
  const int folder = ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)::fsync(folder);
    ::close(folder);
  }
  return {};
}

} // namespace

result<std::optional<keyring>> read_keyring(const std::string& path) {
  std::string text;
  auto there = read_all(path, text);
  if (!there) return there.err();
  if (!*there) return std::optional<keyring>{};
  auto keys = parse_keyring_file(text);
  if (!keys) return error(keys.err().code, "cannot use the keyring " + path + ": " + keys.err().text);
  return std::optional<keyring>(std::move(*keys));
}

status write_keyring(const std::string& path, const keyring& k, bool indented) {
  if (auto s = make_folder_of(path); !s) return s;
  return replace(path, path + ".tmp", keyring_file(k, indented));
}

result<std::unique_ptr<snapshot_file>> snapshot_file::open(const std::string& path, bool rejoin_after_leave) {
  if (auto s = make_folder_of(path); !s) return s.err();
  std::string text;
  if (auto there = read_all(path, text); !there) return there.err();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return failed("cannot write", path);
  std::unique_ptr<snapshot_file> out(new snapshot_file(path, fd));
  size_t skipped = 0;
  out->found_ = members::read_snapshot(text, rejoin_after_leave, &skipped);
  if (skipped > 0) log::warn(log_name, "lines of a snapshot make no sense: path={} lines={}", path, skipped);
  // A line whose end was lost in a crash must not swallow the next one.
  const auto whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole < text.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0) return failed("cannot cut", path);
  out->writer_.emplace(out->found_, whole, rejoin_after_leave);
  return out;
}

snapshot_file::~snapshot_file() { ::close(fd_); }

bool snapshot_file::append(const std::string& text) { return text.empty() || write_all(fd_, text); }

bool snapshot_file::compact() {
  if (auto s = replace(path_, path_ + ".compact", writer_->compacted()); !s) return false;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return false;
  ::close(fd_);
  fd_ = fd;
  return true;
}

void snapshot_file::flush(bool sync) {
  const bool done = (writer_->wants_compaction() ? compact() : append(writer_->take())) && (!sync || ::fdatasync(fd_) == 0);
  if (!done && !failing_) log::err(log_name, "cannot write the snapshot of the members: path={} error=\"{}\"", path_, std::strerror(errno));
  failing_ = !done;
}

} // namespace actord::gossip
