#include "storage/lmdb/environment.hpp"
#include <bit>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <lmdb.h>
#include <mutex>
#include <unistd.h>

namespace actord::lmdb {

void raise(int code, const char* what) { throw failure{code, what}; }
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
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(&head), sizeof head);
  if (!in || head.magic != 0xBEEFC0DE || head.version != 1) return error{errc::corrupt, path + " is no database"};
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

} // namespace

result<std::unique_ptr<environment>> environment::open(const std::string& path, const environment_options& o) {
  if (!o.read_only_file) {
    std::error_code ec;
    std::filesystem::create_directories(path, ec);
    if (ec) return error{errc::internal, "cannot create " + path + ": " + ec.message()};
  }
  unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
  if (!o.sync) flags |= MDB_NOSYNC;
  if (o.read_only_file) flags |= MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK;
  int rc = 0;
  if (o.read_only_file)
    if (auto s = check_file(path); !s) return s.err();
  // Address space can be limited (ulimit -v, containers): a smaller map still serves a smaller state.
  for (auto bytes = o.map_bytes;; bytes /= 2) {
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
      return std::unique_ptr<environment>(new environment(env, bytes, o.full));
    }
    mdb_env_close(env);
    if ((rc != ENOMEM && rc != EINVAL) || bytes <= (uint64_t{16} << 20)) break;
  }
  auto e = describe({rc, "opening the database"});
  e.text += " (" + path + ")";
  return e;
}

environment::~environment() { mdb_env_close(env_); }

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
  return {};
}

status environment::copy_to(int fd) {
  std::shared_lock lock(readers_);
  if (int rc = mdb_env_copyfd2(env_, fd, MDB_CP_COMPACT); rc != 0) return describe({rc, "copying the database"});
  return {};
}

} // namespace actord::lmdb
