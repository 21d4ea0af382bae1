// One LMDB environment (a folder with data.mdb and lock.mdb) and the failures of the library. Nothing outside this folder
// includes lmdb.h.
//
// Inside storage/ an unexpected return code travels as the exception `failure`, because it can come out of every single
// read and write; the public classes (state_store, log_store) catch it and hand out an error.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/lmdb/fault.hpp"
#include <atomic>
#include <cstdint>
#include <functional>
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

// Called, from any thread and perhaps more than once, when LMDB failed to write a file's head: its environment refuses everything from then
// on until it is opened anew, which only another process does here. To be set before threads write.
void on_lost(std::function<void(const char* what)> f);

struct environment_options {
  bool sync = true;                   // false: commits are not flushed (MDB_NOSYNC); flush() does it
  unsigned max_tables = 32;
  uint64_t map_bytes = uint64_t{64} << 30; // address space reserved at first; halved until the kernel agrees
  bool read_only_file = false;        // `path` names a file, opened without lock file, for reading
  owner whose = owner::nobody;        // who is told of faults in it (fault.hpp)
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
  int fd() const; // of the data file, for reading
  // Pages of the file that reading brought into this process do not count as its memory any more; the kernel keeps them as long as it likes.
  void let_go_of_pages();
  status flush(); // to the disk, whatever the options say
  // Doubles the map. Waits until no read transaction of this process is open; the calling thread must hold none.
  status grow();
  // A compacted copy of one consistent moment, written to an open file; writers go on meanwhile. The caller syncs it.
  status copy_to(int fd);
  owner whose() const { return whose_; }
  std::shared_mutex& readers() { return readers_; } // held shared by every open read transaction
  bool full() const { return full_ != nullptr && full_->load(std::memory_order_relaxed); }

private:
  environment(MDB_env* env, uint64_t map_bytes, const environment_options& o);
  void note_map();
  MDB_env* env_;
  uint64_t map_bytes_;
  owner whose_;
  const std::atomic<bool>* full_;
  std::shared_mutex readers_;
};

} // namespace actord::lmdb
