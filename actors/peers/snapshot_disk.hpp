// Reads and writes the files of snapshots on their way, in a thread of its own, because a disk may block and the
// multiplexer must not.
// Owns: the descriptors of the files. Talks to: the peers actor, which spawns it and with which it dies.
// Flooded: the senders' window bounds what is under way.
#pragma once
#include "runtime/base/error.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <cstdint>
#include <string>

namespace actord::peer {

// `transfer` names the file in all of these; each but disk_forget is answered by one disk_read_done or disk_write_done.
struct disk_open { // to read from; the answer's `offset` is the size
  uint64_t transfer = 0;
  std::string path;
};
struct disk_read {
  uint64_t transfer = 0, link = 0, offset = 0;
  size_t size = 0;
};
struct disk_read_done {
  uint64_t transfer = 0, link = 0, offset = 0;
  bool opened = false; // the answer to disk_open
  std::string bytes;
  error failure;
};
struct disk_write { // creates the file at offset 0
  uint64_t transfer = 0, offset = 0;
  std::string path, bytes;
  bool last = false; // makes the whole file and its name durable and closes it
};
struct disk_write_done {
  uint64_t transfer = 0, written = 0; // written: up to this offset
  bool last = false;
  error failure;
};
struct disk_forget {
  uint64_t transfer = 0;
  std::string remove; // this file as well, unless empty
};

caf::actor spawn_snapshot_disk(caf::actor_system& system);
// Removes what a former run left in the folder.
void remove_partial_snapshots(const std::string& folder);

} // namespace actord::peer

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_open)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_read_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_write_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::disk_forget)
