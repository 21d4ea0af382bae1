// The files of a pool: its keyring, and the snapshot from which a restarted agent knows whom to join again.
#pragma once
#include "actors/gossip/core/keyring.hpp"
#include "actors/members/core/snapshot.hpp"
#include "runtime/base/files.hpp"

namespace actord::gossip {

// An error when it cannot be read or holds no keyring.
lookup<keyring> read_keyring(const std::string& path);
// Written beside it, synced, and put in its place: after a crash it is the old or the new one. `text`: keyring_file().
status write_keyring(const std::string& path, std::string_view text);

class snapshot_file {
public:
  struct opened {
    std::unique_ptr<snapshot_file> file;
    members::snapshot_writer lines; // with what was found
  };
  // Reads what is there, and opens it for appending. Folders are made (0700).
  static result<opened> open(const std::string& path, bool rejoin_after_leave);
  ~snapshot_file();
  snapshot_file(const snapshot_file&) = delete;

  enum class outcome : uint8_t { done, failed, wants_whole };
  // Appends lines, or replaces all (`whole`). wants_whole: nothing was written, since what stands in the file is not known, or it is gone.
  // Failures are logged once until it works again.
  outcome write(const std::string& lines, bool whole, bool sync);

private:
  snapshot_file(std::string path, int fd) : path_(std::move(path)), fd_(fd), torn_(fd < 0) {}
  status replace(const std::string& text);
  bool is_gone() const;

  std::string path_;
  int fd_; // -1: could not be opened on a full disk
  bool torn_, failing_ = false;
};

} // namespace actord::gossip
