#include "actors/gossip/pool_files.hpp"
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

status write_keyring(const std::string& path, const keyring& k, bool indented) {
  if (auto s = make_folder_of(path); !s) return s;
  return replace_file(path, keyring_file(k, indented));
}

result<std::unique_ptr<snapshot_file>> snapshot_file::open(const std::string& path, bool rejoin_after_leave) {
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
  out->found_ = members::read_snapshot(lines, rejoin_after_leave, &skipped);
  if (skipped > 0) log::warn(log_name, "lines of a snapshot make no sense: path={} lines={}", path, skipped);
  // A line whose end was lost in a crash must not swallow the next one.
  const auto whole = lines.rfind('\n') == std::string::npos ? 0 : lines.rfind('\n') + 1;
  if (fd >= 0 && whole < lines.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0) return file_error("cut", path);
  out->writer_.emplace(out->found_, whole, rejoin_after_leave);
  return out;
}

snapshot_file::~snapshot_file() {
  if (fd_ >= 0) ::close(fd_);
}

status snapshot_file::append(const std::string& text) { return text.empty() ? status() : write_all(fd_, text, path_); }

// With its folder, say: what is appended would be read by no start.
bool snapshot_file::is_gone() const {
  struct stat open{};
  return ::fstat(fd_, &open) == 0 && open.st_nlink == 0;
}

status snapshot_file::compact() {
  if (auto s = make_folder_of(path_); !s) return s;
  if (auto s = replace_file(path_, writer_->compacted(), 0644); !s) return s;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return file_error("open", path_);
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  return {};
}

// After a failure the whole is written anew: what an interrupted write left is not known.
void snapshot_file::flush(bool sync) {
  auto done = disk_now() != disk::real ? status(file_error("write", path_, ENOSPC)) : failing_ || fd_ < 0 || is_gone() || writer_->wants_compaction() ? compact() : append(writer_->take());
  if (done && sync && ::fdatasync(fd_) != 0) done = file_error("sync", path_);
  if (!done && !failing_) log::err(log_name, "cannot write the snapshot of the members: error=\"{}\"", done.err().text);
  failing_ = !done;
}

} // namespace actord::gossip
