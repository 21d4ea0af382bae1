// The file raft/journal as a device: made once, all of it written, then only written over, so that a synced write moves no metadata.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/files.hpp"
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace actord {

class journal_file {
public:
  static std::string path_in(const std::string& folder);
  static lookup<std::string> read(const std::string& folder);
  // One that is there, to be written over.
  static result<std::unique_ptr<journal_file>> open(const std::string& folder, uint64_t bytes);
  // A new one in the place of whatever is there; durable when it returns.
  static result<std::unique_ptr<journal_file>> create(const std::string& folder, uint64_t bytes);
  ~journal_file();
  journal_file(const journal_file&) = delete;
  journal_file& operator=(const journal_file&) = delete;

  uint64_t bytes() const { return bytes_; }
  bool is_gone() const; // somebody removed it: no start would read what is written
  // For at least so many bytes, aligned as write() wants it; stays until the next call.
  char* buffer(size_t bytes);
  // The buffer's; on the disk when it returns. `at` and `bytes` are multiples of journal_format::unit_bytes. After an error nobody knows what
  // is there: this file is not to be written any more.
  status write(uint64_t at, size_t bytes);
  bool read_back(uint64_t at, char* to, size_t bytes) const; // for the simulator

private:
  struct release { void operator()(char* p) const { std::free(p); } };
  journal_file(int fd, std::string path, uint64_t bytes, bool direct) : fd_(fd), path_(std::move(path)), bytes_(bytes), direct_(direct) {}
  int fd_;
  std::string path_;
  uint64_t bytes_;
  bool direct_; // past the page cache: a sync is then one write of the device instead of a write and a flush
  std::unique_ptr<char, release> buffer_;
  size_t room_ = 0;
};

} // namespace actord
