// One LMDB environment (a folder with data.mdb and lock.mdb) and the failures of the library. Nothing outside this folder
// includes lmdb.h.
//
// Inside storage/ an unexpected return code travels as the exception `failure`, because it can come out of every single
// read and write; the public classes (state_store, log_store) catch it and hand out an error.
#pragma once
#include "runtime/base/error.hpp"
#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

struct MDB_env;

namespace actord::lmdb {

struct failure {
  int code = 0;         // LMDB's or errno's
  const char* what = ""; // the call
};

// storage_full for a full disk or map, corrupt for a damaged file, internal for the rest.
error describe(const failure& f);
bool is_map_full(const failure& f);
[[noreturn]] void raise(int code, const char* what);
[[noreturn]] void raise_corrupt(const char* what);

struct environment_options {
  bool sync = true;                   // false: commits are not flushed (MDB_NOSYNC); flush() does it
  unsigned max_tables = 32;
  uint64_t map_bytes = uint64_t{64} << 30; // address space reserved at first; halved until the kernel agrees
  bool read_only_file = false;        // `path` names a file, opened without lock file, for reading
  // For the simulator: while it is true commits fail as on a full disk. Outlives the environment.
  const std::atomic<bool>* full = nullptr;
};

class environment {
public:
  // Creates the folder when it is absent. Readers left over from a killed process are cleared.
  static result<std::unique_ptr<environment>> open(const std::string& path, const environment_options& o = {});
  ~environment();
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  MDB_env* raw() const { return env_; }
  status flush(); // to the disk, whatever the options say
  // Doubles the map. Waits until no read transaction of this process is open; the calling thread must hold none.
  status grow();
  // A compacted copy of one consistent moment, written to an open file; writers go on meanwhile. The caller syncs it.
  status copy_to(int fd);
  std::shared_mutex& readers() { return readers_; } // held shared by every open read transaction
  bool full() const { return full_ != nullptr && full_->load(std::memory_order_relaxed); }

private:
  environment(MDB_env* env, uint64_t map_bytes, const std::atomic<bool>* full) : env_(env), map_bytes_(map_bytes), full_(full) {}
  MDB_env* env_;
  uint64_t map_bytes_;
  const std::atomic<bool>* full_;
  std::shared_mutex readers_;
};

} // namespace actord::lmdb
