#include "actors/gossip/pool_disk.hpp"
#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::gossip {

disk_done pool_disk::perform(const disk_job& j) {
  disk_done done;
  if (j.has_lines && snapshot_) done.snapshot = snapshot_->write(j.lines, j.whole, j.sync);
  done.has_keyring = j.keyring.has_value();
  if (j.keyring) done.keyring = write_keyring(keyring_path_, *j.keyring);
  return done;
}

namespace {

struct disk_state {
  static inline const char* name = "pool-disk";
};

caf::behavior disk_behavior(caf::stateful_actor<disk_state>* self, std::shared_ptr<pool_disk> disk, const caf::actor_addr& pool) {
  return {
      [disk = std::move(disk), pool](const disk_job& j) {
        auto done = disk->perform(j);
        if (auto to = caf::actor_cast<caf::actor>(pool)) caf::anon_send(to, std::move(done));
      },
      [self](disk_end) { self->quit(); },
  };
}

} // namespace

caf::actor spawn_pool_disk(caf::actor_system& system, std::unique_ptr<pool_disk> disk, caf::actor_addr pool) {
  return system.spawn<caf::detached>(disk_behavior, std::shared_ptr<pool_disk>(std::move(disk)), std::move(pool));
}

} // namespace actord::gossip
