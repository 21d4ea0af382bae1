// A log in a folder of its own, and all that can be read of it as one text.
#pragma once
#include "storage/raft_log/log_store.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace actord::test {

struct log_folder {
  std::string path;
  explicit log_folder(const std::filesystem::path& base = std::filesystem::temp_directory_path()) {
    std::string pattern = (base / "actord-log-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~log_folder() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  log_folder(const log_folder&) = delete;
  log_folder& operator=(const log_folder&) = delete;
  std::string log() const { return path + "/raft"; }
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void put_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

inline log_record entry(uint64_t i, uint64_t term, std::string_view payload, uint8_t kind = 1) { return {raft_index{i}, raft_term{term}, kind, payload}; }

inline std::string contents(const log_store& log) {
  std::string out = std::to_string(log.compacted().first.v) + "/" + std::to_string(log.compacted().second.v) + " " + log.hard_state().second + std::to_string(log.hard_state().first.v);
  auto add = [&](const stored_log_record& r) { out += "\n" + std::to_string(r.index.v) + " " + std::to_string(r.term.v) + " " + std::to_string(r.kind) + " " + r.payload; };
  for (auto& m : log.memberships()) add(m);
  if (log.last_index() < log.first_index()) return out;
  auto all = log.entries(log.first_index(), log.last_index(), SIZE_MAX);
  if (!all) return "unreadable: " + all.err().text;
  for (auto& e : *all) add(e);
  return out;
}

} // namespace actord::test
