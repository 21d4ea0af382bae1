#include "runtime/node/data_folder.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view dev_prefix = "consul-actord-dev-";

// The folder in memory may be shared with a container, where a process has another number.
bool is_in_use(const fs::path& folder) {
  const int fd = ::open((folder / "agent.lock").c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno != ENOENT;
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return locked;
}

void remove_leftovers(const fs::path& root) {
  std::error_code ec;
  for (auto& e : fs::directory_iterator(root, ec)) {
    auto name = e.path().filename().string();
    if (!name.starts_with(dev_prefix)) continue;
    auto pid = std::strtol(name.c_str() + dev_prefix.size(), nullptr, 10);
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH && !is_in_use(e.path())) fs::remove_all(e.path(), ec);
  }
}

} // namespace

namespace {

result<int> make_and_lock(const std::string& name) {
  std::error_code ec;
  fs::create_directories(name, ec);
  if (ec) return error{errc::internal, fmt::format("Failed to create data directory {}: {}", name, ec.message())};
  const auto lock_path = name + "/agent.lock";
  if (auto there = is_file(lock_path); !there) return there.err();
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return error{errc::internal, fmt::format("Failed to open {}: {}", lock_path, std::strerror(errno))};
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  ::close(fd);
  return error{errc::internal, fmt::format("data directory {} is in use by another agent", name)};
}

} // namespace

result<std::unique_ptr<data_folder>> data_folder::open(const std::string& configured) {
  std::error_code ec;
  fs::path path = configured;
  if (configured.empty()) {
    fs::path root = fs::is_directory("/dev/shm", ec) && ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path(ec);
    if (root.empty()) return error{errc::internal, "Failed to find a folder for data: /dev/shm cannot be written to, and TMPDIR names no folder"};
    remove_leftovers(root);
    path = root / fmt::format("{}{}", dev_prefix, ::getpid());
    fs::remove_all(path, ec);
  }
  const auto name = path.string();
  const file_wait waits(name);
  const auto fd = make_and_lock(name);
  if (!fd) return fd.err();
  return std::unique_ptr<data_folder>(new data_folder(name, *fd, configured.empty()));
}

// Where the folder itself stayed, so did the lock.
status data_folder::make_again() {
  struct stat named{}, ours{};
  if (::stat((path_ + "/agent.lock").c_str(), &named) == 0 && ::fstat(lock_, &ours) == 0 && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev) return {};
  const auto fd = make_and_lock(path_);
  if (!fd) return fd.err();
  ::close(lock_);
  lock_ = *fd;
  return {};
}

data_folder::~data_folder() {
  ::close(lock_);
  std::error_code ec;
  if (temporary_) fs::remove_all(path_, ec);
}

status refuse_foreign_log(const std::string& folder) {
  const auto ours = is_file(folder + "/data.mdb");
  if (!ours) return ours.err();
  const auto theirs = is_file(folder + "/raft.db");
  if (!theirs) return theirs.err();
  if (*ours || !*theirs) return {};
  return error{errc::internal, fmt::format("{0}/raft.db is the Raft log of a HashiCorp Consul server, which this program does not read: started on it, this server would have none of its keys, sessions and "
                                           "services. Let it join the others with an empty -data-dir instead; to begin with nothing in this one, move the folder {0} away first", folder)};
}

} // namespace actord
