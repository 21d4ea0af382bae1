// Where a pool's files are written: the snapshot of the members, then the keyring. In a thread of its own, as a disk may take its time (a sync, a
// queue of writes that is full) and a member that does not answer meanwhile is taken for dead.
// Owns: both files. Talks to: its pool. Ends: when the pool says so, after what it was given to write.
#pragma once
#include "actors/gossip/pool_files.hpp"
#include "actors/messages/port_messages.hpp"
#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_system.hpp>

namespace actord::gossip {

struct disk_job {
  bool has_lines = false; // else nothing of the snapshot is written
  bool whole = false, sync = false; // snapshot_file::write()
  std::string lines;
  std::optional<std::string> keyring; // the file's bytes
};
struct disk_done {
  snapshot_file::outcome snapshot = snapshot_file::outcome::done;
  bool has_keyring = false;
  status keyring;
};
struct disk_end {};

class pool_disk {
public:
  pool_disk(std::unique_ptr<snapshot_file> snapshot, std::string keyring_path) : snapshot_(std::move(snapshot)), keyring_path_(std::move(keyring_path)) {}
  disk_done perform(const disk_job& j); // blocks

private:
  std::unique_ptr<snapshot_file> snapshot_; // may be null
  std::string keyring_path_;
};

// Takes disk_job, after which it sends disk_done to `pool` (weak, or it would keep it for ever), and disk_end.
caf::actor spawn_pool_disk(caf::actor_system& system, std::unique_ptr<pool_disk> disk, caf::actor_addr pool);

} // namespace actord::gossip

ACTORD_LOCAL_MESSAGE(actord::gossip::disk_job)
ACTORD_LOCAL_MESSAGE(actord::gossip::disk_done)
ACTORD_LOCAL_MESSAGE(actord::gossip::disk_end)
