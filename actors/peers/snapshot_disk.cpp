#include "actors/peers/snapshot_disk.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/base/write_back.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace actord::peer {

namespace {

struct disk_state {
  static inline const char* name = "snapshot-disk";
  struct file {
    int fd = -1;
    write_back on_disk;
  };
  std::map<uint64_t, file> files;
  bool gives_way = false;

  ~disk_state() {
    for (auto& [transfer, f] : files) ::close(f.fd);
  }
  // Not when it is made, which another thread does.
  void in_background() {
    if (!std::exchange(gives_way, true)) lower_thread_priority();
  }
  static error failed(const std::string& what) {
    const int code = errno;
    return error(code == ENOSPC || code == EDQUOT ? errc::storage_full : errc::internal, what + ": " + std::strerror(code));
  }
  void forget(uint64_t transfer) {
    auto it = files.find(transfer);
    if (it == files.end()) return;
    ::close(it->second.fd);
    files.erase(it);
  }
  error open(uint64_t transfer, const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) return failed("cannot open " + path);
    forget(transfer);
    files[transfer].fd = fd;
    return {};
  }

  disk_read_done open(const disk_open& m) {
    disk_read_done out{m.transfer, 0, 0, true, {}, open(m.transfer, m.path, O_RDONLY)};
    struct stat s{};
    if (out.failure.code == errc::none && ::fstat(files[m.transfer].fd, &s) != 0) out.failure = failed("cannot look at " + m.path);
    out.offset = static_cast<uint64_t>(s.st_size);
    return out;
  }

  disk_read_done read(const disk_read& m) {
    disk_read_done out{m.transfer, m.link, m.offset, false, std::string(m.size, '\0'), {}};
    auto f = files.find(m.transfer);
    const auto n = f == files.end() ? 0 : ::pread(f->second.fd, out.bytes.data(), m.size, static_cast<off_t>(m.offset));
    if (n < 0) out.failure = failed("cannot read the snapshot");
    if (n == 0) out.failure = error(errc::internal, "the snapshot is shorter than it was");
    out.bytes.resize(static_cast<size_t>(std::max<ssize_t>(0, n)));
    return out;
  }

  error write_all(const disk_write& m) {
    if (m.offset == 0 && !files.contains(m.transfer))
      if (auto e = open(m.transfer, m.path, O_WRONLY | O_CREAT | O_TRUNC); e.code != errc::none) return e;
    auto f = files.find(m.transfer);
    if (f == files.end()) return error(errc::internal, "a piece of a snapshot that was given up");
    for (size_t done = 0; done < m.bytes.size();) {
      const auto n = ::pwrite(f->second.fd, m.bytes.data() + done, m.bytes.size() - done, static_cast<off_t>(m.offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("cannot write " + m.path);
      done += static_cast<size_t>(n);
    }
    if (!m.last) {
      auto written = f->second.on_disk.wrote(f->second.fd, m.offset, m.bytes.size(), m.path);
      return written ? error() : written.err();
    }
    if (::fdatasync(f->second.fd) != 0) return failed("cannot sync " + m.path);
    forget(m.transfer);
    const auto folder = std::filesystem::path(m.path).parent_path();
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("cannot open " + folder.string());
    const bool ok = ::fsync(fd) == 0;
    auto e = ok ? error() : failed("cannot sync " + folder.string());
    ::close(fd);
    return e;
  }
};

caf::behavior disk_behavior(caf::stateful_actor<disk_state>* self, int) {
  auto answer = [self](auto message) { self->send(caf::actor_cast<caf::actor>(self->current_sender()), std::move(message)); };
  return {
      [self, answer](const disk_open& m) { answer(self->state.open(m)); },
      [self, answer](const disk_read& m) {
        self->state.in_background();
        answer(self->state.read(m));
      },
      [self, answer](const disk_write& m) {
        self->state.in_background();
        auto failure = self->state.write_all(m);
        answer(disk_write_done{m.transfer, m.offset + m.bytes.size(), m.last, std::move(failure)});
      },
      [self](const disk_forget& m) {
        self->state.forget(m.transfer);
        if (!m.remove.empty()) ::unlink(m.remove.c_str());
      },
  };
}

} // namespace

caf::actor spawn_snapshot_disk(caf::actor_system& system) {
  // With an argument, because CAF 0.17.6 dereferences a null pointer to the tuple of those that are not there.
  return system.spawn<caf::detached>(disk_behavior, 0);
}

void remove_partial_snapshots(const std::string& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> old;
  for (std::filesystem::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const auto file = it->path().filename().string();
    if (file.starts_with("snapshot-in-") && file.ends_with(".part")) old.push_back(it->path());
  }
  for (const auto& path : old) std::filesystem::remove(path, ignored);
}

} // namespace actord::peer
