#include "storage/lmdb/environment.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <lmdb.h>
#include <mutex>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace actord::lmdb {

namespace {
std::function<void(const char*)>& lost() {
  static std::function<void(const char*)> f;
  return f;
}
} // namespace

void on_lost(std::function<void(const char* what)> f) { lost() = std::move(f); }

void raise(int code, const char* what) {
  if (code == MDB_PANIC && lost()) lost()(what);
  throw failure{code, what};
}
void raise_corrupt(const char* what) { throw failure{MDB_CORRUPTED, what}; }

bool is_map_full(const failure& f) { return f.code == MDB_MAP_FULL; }

error describe(const failure& f) {
  auto text = std::string(f.what) + ": " + mdb_strerror(f.code);
  switch (f.code) {
  case MDB_MAP_FULL:
  case ENOSPC:
  case EDQUOT:
  case EFBIG: return {errc::storage_full, text};
  // LMDB gives this for a write that the kernel cut short, which is how a full disk shows; a disk that fails says so in
  // the kernel's log.
  case EIO: return {errc::storage_full, text + " (is the disk full?)"};
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_CURSOR_FULL: // a tree that is deeper than any can be
  case MDB_PAGE_FULL:
  case MDB_INCOMPATIBLE:
  case MDB_BAD_TXN: // after one of these; whatever else fails ends its transaction
  case MDB_INVALID:
  case MDB_VERSION_MISMATCH: return {errc::corrupt, text};
  default: return {errc::internal, text};
  }
}

namespace {

// LMDB believes the head of a file, and divides by what it finds there. Looked at: the magic number, the version, the
// page size (mdb.c, struct MDB_meta behind a page header of 16 bytes).
status check_file(const std::string& path) {
  struct {
    char page[16];
    uint32_t magic, version;
    uint64_t address, map_bytes;
    uint32_t page_bytes;
  } head{};
  if (auto there = is_file(path); !there) return there.err();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error{errno == ENOENT ? errc::not_found : errc::internal, "cannot open " + path + ": " + std::strerror(errno)};
  const auto n = ::pread(fd, &head, sizeof head, 0);
  const int why = errno;
  ::close(fd);
  if (n < 0) return error{errc::internal, "cannot read " + path + ": " + std::strerror(why)};
  if (n != static_cast<ssize_t>(sizeof head) || head.magic != 0xBEEFC0DE || head.version != 1) return error{errc::corrupt, path + " is no database"};
  if (head.page_bytes < 512 || head.page_bytes > 65536 || !std::has_single_bit(head.page_bytes))
    return error{errc::corrupt, path + " is damaged"};
  return {};
}

// A page beyond the end of the file would end the process when it is read.
int check_length(MDB_env* env) {
  MDB_envinfo info;
  MDB_stat pages;
  mdb_filehandle_t fd = -1;
  if (int rc = mdb_env_info(env, &info); rc != 0) return rc;
  if (int rc = mdb_env_stat(env, &pages); rc != 0) return rc;
  if (int rc = mdb_env_get_fd(env, &fd); rc != 0) return rc;
  auto size = ::lseek(fd, 0, SEEK_END);
  return size < 0 || static_cast<uint64_t>(size) / pages.ms_psize <= info.me_last_pgno ? MDB_CORRUPTED : 0;
}

// Where a process may not have more, an eighth, for others need some, too: threads, malloc, the other map.
uint64_t share_of_addresses() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return std::max(std::bit_floor<uint64_t>(limit.rlim_cur / 8), uint64_t{16} << 20);
}

// LMDB maps it and writes through the map: without blocks behind it a full disk would be SIGBUS.
status back_lock_file(const std::string& path) {
  constexpr off_t enough = (1024 + 8) * 64; // more than LMDB makes of it for so many readers
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return file_error("open", path);
  int rc = 0;
  do rc = ::fallocate(fd, 0, 0, enough) == 0 ? 0 : errno;
  while (rc == EINTR);
  ::close(fd);
  return rc == 0 || rc == EOPNOTSUPP ? status{} : status{file_error("write", path, rc)};
}

} // namespace

result<std::unique_ptr<environment>> environment::open(const std::string& path, const environment_options& o) {
  const file_wait waits(path);
  if (!o.read_only_file) {
    std::error_code ec;
    std::filesystem::create_directories(path, ec);
    if (ec) return error{errc::internal, "cannot create " + path + ": " + ec.message()};
    for (const char* name : {"/data.mdb", "/lock.mdb"})
      if (auto there = is_file(path + name); !there) return there.err();
    if (auto s = back_lock_file(path + "/lock.mdb"); !s) return s.err();
  }
  unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
  if (!o.sync) flags |= MDB_NOSYNC;
  if (o.read_only_file) flags |= MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK;
  int rc = 0;
  if (o.read_only_file)
    if (auto s = check_file(path); !s) return s.err();
  // Address space can be limited (ulimit -v, containers): a smaller map still serves a smaller state, and grows as long as it can.
  for (auto bytes = std::min(o.map_bytes, share_of_addresses());; bytes /= 2) {
    MDB_env* env = nullptr;
    rc = mdb_env_create(&env);
    if (rc != 0) break;
    mdb_env_set_maxdbs(env, o.max_tables);
    mdb_env_set_maxreaders(env, 1024);
    mdb_env_set_mapsize(env, bytes);
    rc = mdb_env_open(env, path.c_str(), flags, 0600);
    if (rc == 0) {
      int dead = 0;
      if (!o.read_only_file) mdb_reader_check(env, &dead);
      else if (rc = check_length(env); rc != 0) {
        mdb_env_close(env);
        return error{errc::corrupt, path + " is shorter than it says"};
      }
      return std::unique_ptr<environment>(new environment(env, bytes, o));
    }
    mdb_env_close(env);
    if ((rc != ENOMEM && rc != EINVAL) || bytes <= (uint64_t{16} << 20)) break;
  }
  auto e = describe({rc, "opening the database"});
  e.text += " (" + path + ")";
  return e;
}

environment::environment(MDB_env* env, uint64_t map_bytes, const environment_options& o) : env_(env), map_bytes_(map_bytes), whose_(o.whose), full_(o.full) {
  if (whose_ == owner::nobody) return;
  note_map();
  mdb_env_set_userctx(env_, this);
  mdb_env_set_assert(env_, [](MDB_env* at, const char* text) { assertion_failed(static_cast<environment*>(mdb_env_get_userctx(at))->whose(), text); });
}

environment::~environment() {
  if (whose_ != owner::nobody) forget_map(this);
  mdb_env_close(env_);
}

namespace {
// LMDB does not tell where its map is: the kernel does, by the file.
template <class F> void each_map(int fd, F use) {
  struct stat file{};
  if (::fstat(fd, &file) != 0) return;
  std::ifstream in("/proc/self/maps");
  for (std::string line; std::getline(in, line);) {
    unsigned long begin = 0, end = 0, inode = 0;
    unsigned major = 0, minor = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*s %x:%x %lu", &begin, &end, &major, &minor, &inode) != 5) continue;
    if (inode != file.st_ino || makedev(major, minor) != file.st_dev) continue;
    use(begin, end);
  }
}
} // namespace

void environment::note_map() {
  each_map(fd(), [this](unsigned long begin, unsigned long end) { lmdb::note_map(this, whose_, begin, end); });
}

void environment::let_go_of_pages() {
  each_map(fd(), [](unsigned long begin, unsigned long end) { ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED); });
}

int environment::fd() const {
  mdb_filehandle_t fd = -1;
  mdb_env_get_fd(env_, &fd);
  return fd;
}

status environment::flush() {
  if (int rc = mdb_env_sync(env_, 1); rc != 0) return describe({rc, "syncing the database"});
  return {};
}

status environment::grow() {
  std::unique_lock lock(readers_);
  if (int rc = mdb_env_set_mapsize(env_, map_bytes_ * 2); rc != 0) {
    mdb_env_set_mapsize(env_, map_bytes_);
    return error{errc::storage_full, std::string("growing the map: ") + mdb_strerror(rc)};
  }
  map_bytes_ *= 2;
  if (whose_ != owner::nobody) note_map();
  return {};
}

status environment::copy_to(int fd) {
  const inside here(whose_);
  std::shared_lock lock(readers_);
  if (int rc = mdb_env_copyfd2(env_, fd, MDB_CP_COMPACT); rc != 0) return describe({rc, "copying the database"});
  return {};
}

} // namespace actord::lmdb
