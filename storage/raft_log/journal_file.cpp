#include "storage/raft_log/journal_file.hpp"
#include "runtime/base/file_wait.hpp"
#include "storage/raft_log/journal_format.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

using journal_format::unit_bytes;

namespace {
constexpr size_t most_bytes = 256 << 20; // none is made larger, so that none has to be read that is
constexpr size_t piece_bytes = 1 << 20;
} // namespace

std::string journal_file::path_in(const std::string& folder) { return folder + "/journal"; }

lookup<std::string> journal_file::read(const std::string& folder) { return read_file(path_in(folder), most_bytes); }

result<std::unique_ptr<journal_file>> journal_file::open(const std::string& folder, uint64_t bytes) {
  const auto path = path_in(folder);
  auto fd = open_file(path, O_RDWR | O_DSYNC | O_DIRECT);
  const bool direct = fd.ok();
  if (!fd) fd = open_file(path, O_RDWR | O_DSYNC); // tmpfs and others know no direct writes
  if (!fd) return fd.err();
  if (!*fd) return file_error("open", path, ENOENT);
  return std::unique_ptr<journal_file>(new journal_file(**fd, path, bytes, direct));
}

result<std::unique_ptr<journal_file>> journal_file::create(const std::string& folder, uint64_t bytes) {
  const auto path = path_in(folder), beside = path + ".tmp";
  auto fd = open_fresh(beside, O_DSYNC | O_DIRECT);
  const bool direct = fd.ok();
  if (!fd) fd = open_fresh(beside, O_DSYNC);
  if (!fd) return fd.err();
  std::unique_ptr<journal_file> made(new journal_file(*fd, beside, bytes, direct));
  status s;
  for (uint64_t at = 0; s && at < bytes; at += piece_bytes) {
    const size_t n = std::min<uint64_t>(piece_bytes, bytes - at);
    journal_format::frame_nothing(at, made->buffer(n), n);
    s = made->write(at, n);
  }
  if (s && ::fsync(*fd) != 0) s = file_error("sync", beside);
  if (s && ::rename(beside.c_str(), path.c_str()) != 0) s = file_error("rename to", path);
  if (!s) {
    ::unlink(beside.c_str());
    return s.err();
  }
  made->path_ = path;
  made->buffer_.reset();
  made->room_ = 0;
  if (s = sync_folder(folder); !s) return s.err();
  return made;
}

journal_file::~journal_file() { ::close(fd_); }

bool journal_file::is_gone() const {
  struct stat s{};
  return ::fstat(fd_, &s) == 0 && s.st_nlink == 0;
}

char* journal_file::buffer(size_t bytes) {
  if (bytes > room_) {
    buffer_.reset(static_cast<char*>(std::aligned_alloc(unit_bytes, (bytes + unit_bytes - 1) / unit_bytes * unit_bytes)));
    if (!buffer_) throw std::bad_alloc();
    room_ = bytes;
  }
  return buffer_.get();
}

status journal_file::write(uint64_t at, size_t bytes) {
  const file_wait waits(path_);
  const char* from = buffer_.get();
  while (bytes > 0) {
    const ssize_t n = ::pwrite(fd_, from, bytes, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EINVAL && direct_) { // this disk wants larger units: nothing was written
      direct_ = false;
      if (::fcntl(fd_, F_SETFL, O_DSYNC) == 0) continue;
    }
    if (n <= 0) return file_error("write", path_, n < 0 ? errno : ENOSPC);
    from += n;
    at += static_cast<uint64_t>(n);
    bytes -= static_cast<size_t>(n);
  }
  return {};
}

bool journal_file::read_back(uint64_t at, char* to, size_t bytes) const {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool read = fd >= 0 && ::pread(fd, to, bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes);
  if (fd >= 0) ::close(fd);
  return read;
}

} // namespace actord
