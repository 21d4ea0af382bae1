// Preloaded into a server (LD_PRELOAD): while the file $ACTORD_FAIL_TRIGGER is there, the next write of a database's head, or to a journal, below
// a path that ends in $ACTORD_FAIL_PATH fails with EIO, once; then the file is gone. LMDB writes its head by pwrite, less than a page.
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

bool fails(int fd, size_t bytes) {
  const char *trigger = std::getenv("ACTORD_FAIL_TRIGGER"), *path = std::getenv("ACTORD_FAIL_PATH");
  if (trigger == nullptr || path == nullptr || ::access(trigger, F_OK) != 0) return false;
  if (bytes >= 512 && !std::string_view(path).ends_with("/journal")) return false;
  char name[4096];
  const auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  return n > 0 && std::string_view(name, static_cast<size_t>(n)).ends_with(path) && ::unlink(trigger) == 0;
}

} // namespace

extern "C" ssize_t pwrite64(int fd, const void* from, size_t bytes, off64_t at) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, const void*, size_t, off64_t)>(dlsym(RTLD_NEXT, "pwrite64"));
  if (!fails(fd, bytes)) return real(fd, from, bytes, at);
  errno = EIO;
  return -1;
}

extern "C" ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) { return pwrite64(fd, from, bytes, at); }
