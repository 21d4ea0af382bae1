// Preloaded into a server (LD_PRELOAD), it lets the disk fail. While the file $ACTORD_FAIL_TRIGGER is there, the next write of a database's head, or to
// a journal, below a path that ends in $ACTORD_FAIL_PATH fails with EIO, once; then the file is gone. While $ACTORD_FULL_TRIGGER is there, no pages can
// be written to files whose path has $ACTORD_FULL_PATH in it, as on a full disk. While $ACTORD_HANG_TRIGGER is there, whoever writes or syncs a file
// whose path has $ACTORD_HANG_PATH in it waits. LMDB writes a head by pwrite, less than a page, and pages by pwrite or writev.
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <string_view>
#include <sys/uio.h>
#include <unistd.h>

namespace {

bool is_there(const char* variable) {
  const char* path = std::getenv(variable);
  return path != nullptr && ::access(path, F_OK) == 0;
}

bool is_journal() {
  const char* path = std::getenv("ACTORD_FAIL_PATH");
  return path != nullptr && std::string_view(path).ends_with("/journal");
}

std::string name_of(int fd) {
  char name[4096];
  const auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  return n > 0 ? std::string(name, static_cast<size_t>(n)) : std::string();
}

bool is_meant(int fd) {
  const char* path = std::getenv("ACTORD_FAIL_PATH");
  return path != nullptr && name_of(fd).ends_with(path);
}

bool is_full(int fd) {
  const char* path = std::getenv("ACTORD_FULL_PATH");
  return path != nullptr && is_there("ACTORD_FULL_TRIGGER") && name_of(fd).find(path) != std::string::npos;
}

void wait_for_disk(int fd) {
  const char* path = std::getenv("ACTORD_HANG_PATH");
  while (path != nullptr && is_there("ACTORD_HANG_TRIGGER") && name_of(fd).find(path) != std::string::npos) ::usleep(10'000);
}

// What errno is to be; 0: it is written.
int failure(int fd, size_t bytes) {
  wait_for_disk(fd);
  constexpr size_t page = 512;
  const bool is_head = bytes < page;
  if (!is_head && is_full(fd)) return ENOSPC;
  if ((is_head || is_journal()) && is_there("ACTORD_FAIL_TRIGGER") && is_meant(fd) && ::unlink(std::getenv("ACTORD_FAIL_TRIGGER")) == 0) return EIO;
  return 0;
}

} // namespace

extern "C" ssize_t pwrite64(int fd, const void* from, size_t bytes, off64_t at) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, const void*, size_t, off64_t)>(dlsym(RTLD_NEXT, "pwrite64"));
  const int why = failure(fd, bytes);
  if (why == 0) return real(fd, from, bytes, at);
  errno = why;
  return -1;
}

extern "C" ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) { return pwrite64(fd, from, bytes, at); }

extern "C" ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, const iovec*, int)>(dlsym(RTLD_NEXT, "writev"));
  size_t bytes = 0;
  wait_for_disk(fd);
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  if (bytes == 0 || !is_full(fd)) return real(fd, parts, count);
  errno = ENOSPC;
  return -1;
}

extern "C" ssize_t write(int fd, const void* from, size_t bytes) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, const void*, size_t)>(dlsym(RTLD_NEXT, "write"));
  wait_for_disk(fd);
  return real(fd, from, bytes);
}

extern "C" int fsync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "fsync"));
  wait_for_disk(fd);
  return real(fd);
}

extern "C" int fdatasync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "fdatasync"));
  wait_for_disk(fd);
  return real(fd);
}
