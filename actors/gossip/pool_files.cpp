#include "actors/gossip/pool_files.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/simulated_disk.hpp"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::gossip {

namespace {

constexpr const char* log_name = "agent.gossip";
constexpr size_t file_limit = 64 << 20; // far above what either file comes to

status make_folder_of(const std::string& path) { return make_folder(path.substr(0, path.rfind('/'))); }

} // namespace

lookup<keyring> read_keyring(const std::string& path) {
  auto text = read_file(path, file_limit);
  if (!text) return text.err();
  if (!*text) return std::optional<keyring>{};
  auto keys = parse_keyring_file(**text);
  if (!keys) return error(keys.err().code, "cannot use the keyring " + path + ": " + keys.err().text);
  return std::optional<keyring>(std::move(*keys));
}

status write_keyring(const std::string& path, std::string_view text) {
  if (auto s = make_folder_of(path); !s) return s;
  return replace_file(path, text);
}

result<snapshot_file::opened> snapshot_file::open(const std::string& path, bool rejoin_after_leave) {
  auto text = read_file(path, file_limit);
  if (!text) return error(text.err().code, "Failed to setup snapshot: failed to open snapshot: " + text.err().text);
  if (auto s = make_folder_of(path); !s) return s.err();
  const std::string_view lines = *text ? std::string_view(**text) : std::string_view();
  // Without it on a full disk: nobody is answered for what stands in it, and it is opened again when it can be.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644); // it was just read: no pipe
  if (fd < 0)
    if (auto e = file_error("open", path); e.code != errc::storage_full) return error(e.code, "Failed to setup snapshot: failed to open snapshot: " + e.text);
  std::unique_ptr<snapshot_file> out(new snapshot_file(path, fd));
  size_t skipped = 0;
  auto found = members::read_snapshot(lines, rejoin_after_leave, &skipped);
  if (skipped > 0) log::warn(log_name, "lines of a snapshot make no sense: path={} lines={}", path, skipped);
  // A line whose end was lost in a crash must not swallow the next one.
  const auto whole = lines.rfind('\n') == std::string::npos ? 0 : lines.rfind('\n') + 1;
  if (fd >= 0 && whole < lines.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0) return file_error("cut", path);
  return opened{std::move(out), members::snapshot_writer(std::move(found), whole, rejoin_after_leave)};
}

snapshot_file::~snapshot_file() {
  if (fd_ >= 0) ::close(fd_);
}

// With its folder, say: what is appended would be read by no start.
bool snapshot_file::is_gone() const {
  struct stat open{};
  return ::fstat(fd_, &open) == 0 && open.st_nlink == 0;
}

status snapshot_file::replace(const std::string& text) {
  if (auto s = make_folder_of(path_); !s) return s;
  if (auto s = replace_file(path_, text, 0644); !s) return s;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return file_error("open", path_);
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  return {};
}

snapshot_file::outcome snapshot_file::write(const std::string& lines, bool whole, bool sync) {
  if (!whole && (torn_ || is_gone())) return outcome::wants_whole;
  const file_wait waits(path_);
  auto done = disk_now() != disk::real ? status(file_error("write", path_, ENOSPC)) : whole ? replace(lines) : lines.empty() ? status() : write_all(fd_, lines, path_);
  if (done && sync && ::fdatasync(fd_) != 0) done = file_error("sync", path_);
  if (!done && !failing_) log::err(log_name, "cannot write the snapshot of the members: error=\"{}\"", done.err().text);
  torn_ = failing_ = !done;
  return done ? outcome::done : outcome::failed;
}

} // namespace actord::gossip
