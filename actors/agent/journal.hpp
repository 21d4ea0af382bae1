// The registration journal on the disk: what was acknowledged, in the order in which it was, until Consul's files hold it
// (README, Decisions). Its bytes: core/journal_format.hpp. One thread's.
#pragma once
#include "actors/agent/core/journal_format.hpp"
#include "runtime/base/error.hpp"
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>

namespace actord::agent {

// Path → content, nullopt: removed. What is to be in files, and is not yet; it counts more than what is in them.
using pending_files = std::map<std::string, std::optional<std::string>>;

// Bytes at an address that direct writes accept.
class aligned_bytes {
public:
  aligned_bytes() = default;
  explicit aligned_bytes(size_t size) { resize(size); }
  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  void resize(size_t size); // keeps what is there, zeroes what is new; never gives memory back

private:
  struct release { void operator()(char* p) const { std::free(p); } };
  std::unique_ptr<char, release> bytes_;
  size_t size_ = 0, room_ = 0;
};

class journal {
public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;
  // Reads what an earlier process left and changes nothing. An error: it could not be read, and nobody knows what it says. What is
  // damaged is logged, and kept aside once the rest of it is settled. `clock` says when it is time to try again after a failure.
  static result<journal> read(const std::string& data_dir, pending_files& left, clock now = std::chrono::steady_clock::now);
  journal(journal&& o) noexcept;
  journal& operator=(journal&&) = delete;
  ~journal();

  // Somebody removed the file that is written, cut it, or put another in its place: what goes into it is read by no start.
  bool is_gone() const;
  // After that: a file of its own again, whatever the other ones say. What was to be kept is to be appended once more.
  status begin_again();

  // Makes sure that there is a file with room for a few more records. After a failure it is tried again when some time has passed;
  // until then the same error.
  status ready();
  // Only in this process's memory when it returns; room for it on the disk is taken, so that a full disk shows here.
  status append(const std::vector<file_change>& changes);
  // On the disk when it returns: one synchronous direct write into space that was written before, so that it moves no
  // metadata. What could not be written stays, and is written with the next.
  status sync();
  // The files of all records up to `number` are durable: forget them here. What cannot be forgotten is no harm.
  void settled(uint64_t number);

  bool is_open() const { return fd_ >= 0; }
  bool synced() const { return synced_ == size_; }
  bool empty() const { return size_ == journal_block; } // the file that is written
  bool was_damaged() const { return damaged_; } // as it was read: registrations may be missing
  bool has_older_files() const { return !closed_.empty(); }
  uint64_t last_number() const { return last_number_; }
  const std::string& path() const { return path_; }

private:
  struct closed_file {
    std::string path;
    uint64_t last = 0; // number of the newest record in it
    bool damaged = false;
  };
  bool damaged_ = false;
  journal(std::string data_dir, clock now) : now_(std::move(now)), data_dir_(std::move(data_dir)) {}
  status roll(uint64_t room); // to a new file with space for at least `room` bytes of records; the old one stays if that fails
  result<int> create(const std::string& path, const journal_head& h);
  status write_head(int fd, const std::string& path, const journal_head& h);
  void put(std::string_view bytes);
  bool forget(const closed_file& f);

  clock now_;
  std::string data_dir_, path_;
  int fd_ = -1;
  uint64_t file_number_ = 0, last_number_ = 0, synced_number_ = 0, settled_ = 0;
  uint64_t first_ = 1; // as the head of the file has it
  uint64_t size_ = journal_block, synced_ = journal_block, capacity_ = 0; // of the file: its end, what is durable, what it can hold
  aligned_bytes buffer_;                                                  // what the disk lacks, from the block the last sync cut
  std::vector<closed_file> closed_;
  bool failing_ = false; // the last sync did
  std::chrono::steady_clock::time_point retry_at_{};
  std::chrono::milliseconds back_off_{0};
  error failure_; // of the last try to get a file
};

} // namespace actord::agent
