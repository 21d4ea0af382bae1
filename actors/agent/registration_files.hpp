// The agent's part of the data directory in Consul's layout, so that Consul reads ours and we read Consul's:
//   services/<md5 of the id>       {"Token","Service","Source","LocallyRegisteredAsSidecar"?}
//   checks/<md5 of the id>         {"Check","ChkType","Token","Source"}
//   checks/state/<md5 of the id>   {"CheckID","Output","Status","Expires"}
// and of ours `agent-journal.<n>`: the same writes in the order in which they were acknowledged (README, Decisions).
#pragma once
#include "actors/agent/core/local_state.hpp"
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace actord::agent {

struct file_change {
  std::string path;                   // relative to the data directory
  std::optional<std::string> content; // nullopt: remove
};

std::string service_path(std::string_view id);
std::string check_path(std::string_view id);
std::string check_state_path(std::string_view id);

std::string service_file(const local_service& s);
std::string check_file(const local_check& c);
std::string check_state_file(const health_check& c, int64_t expires);

// Writes, each file whole or not at all (a temporary name, then rename), without syncing. An error names the file.
status apply_changes(const std::string& data_dir, const std::vector<file_change>& changes);
// What the directory holds is put into `state`; files that do not parse are logged and skipped, state files that have
// expired are removed. Call after replay, each after what the configuration has of its kind was added; a configured check may be of a
// service that was kept.
void restore_services(const std::string& data_dir, local_state& state);
void restore_checks(const std::string& data_dir, local_state& state, nanos now, int64_t unix_now);

// ---- the journal ----
// Record: length of the rest (u32, little endian), FNV-1a of the rest (u64), kind (1 write, 2 remove), length of the path
// (u16), path, content. A record that is cut or does not match ends the journal: it was never acknowledged.
void append_record(std::string& out, const file_change& c);
std::vector<file_change> read_records(std::string_view bytes);

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
  // Replays what an earlier process left (into the files, synced) and begins anew. `data_dir` must exist.
  static result<journal> open(const std::string& data_dir);
  journal(journal&& o) noexcept;
  journal& operator=(journal&&) = delete;
  ~journal();
  // Only in this process's memory when it returns; room for it on the disk is taken, so that a full disk shows here.
  status append(const std::vector<file_change>& changes, uint64_t last_sequence);
  // On the disk when it returns: one synchronous direct write into space that was written before, so that it moves no
  // metadata.
  status sync();
  bool synced() const { return synced_ == size_; }
  const std::string& path() const { return path_; }
  bool empty() const { return size_ == 0; }
  // The files of all changes up to `sequence` are durable: forget them here.
  void settled(uint64_t sequence);

private:
  explicit journal(std::string data_dir) : data_dir_(std::move(data_dir)) {}
  status roll(uint64_t room); // to a new file with space for at least `room` bytes; the old one stays if that fails
  std::string data_dir_, path_;
  int fd_ = -1;
  uint64_t number_ = 0, size_ = 0, synced_ = 0, last_sequence_ = 0;
  aligned_bytes buffer_; // what the disk lacks, from the block the last sync cut
  uint64_t capacity_ = 0;
  std::vector<std::pair<std::string, uint64_t>> closed_; // path, last sequence in it
};

} // namespace actord::agent
