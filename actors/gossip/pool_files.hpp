// The files of a pool: its keyring, and the snapshot from which a restarted agent knows whom to join again.
#pragma once
#include "actors/gossip/core/keyring.hpp"
#include "actors/members/core/snapshot.hpp"
#include "runtime/base/files.hpp"

namespace actord::gossip {

// An error when it cannot be read or holds no keyring.
lookup<keyring> read_keyring(const std::string& path);
// Written beside it, synced, and put in its place: after a crash it is the old or the new one.
status write_keyring(const std::string& path, const keyring& k, bool indented = true);

class snapshot_file {
public:
  // Reads what is there, and opens it for appending. Folders are made (0700).
  static result<std::unique_ptr<snapshot_file>> open(const std::string& path, bool rejoin_after_leave);
  ~snapshot_file();
  snapshot_file(const snapshot_file&) = delete;

  const members::snapshot_contents& found() const { return found_; } // at the start
  members::snapshot_writer& writer() { return *writer_; }
  // Appends what the writer has, and compacts when it is time. Failures are logged once until it works again.
  void flush(bool sync);

private:
  snapshot_file(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  status append(const std::string& text);
  status compact();
  bool is_gone() const;

  std::string path_;
  int fd_; // -1: could not be opened on a full disk
  members::snapshot_contents found_;
  std::optional<members::snapshot_writer> writer_;
  bool failing_ = false;
};

} // namespace actord::gossip
