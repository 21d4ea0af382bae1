// The actor of a pool, what it keeps on the disk: one job at a time, so that what a slow disk has not taken yet is bounded by the pool's size.
#include "actors/gossip/pool_state.hpp"
#include "runtime/base/log.hpp"
#include <caf/send.hpp>

namespace actord::gossip {

namespace {
constexpr nanos keyring_retry = std::chrono::seconds(5); // one that could not be written; who leaves it so cannot come back once the others forget the old key
} // namespace

void pool_state::write_kept(bool sync) {
  flush_at_ = nanos::max();
  keyring_due_ |= std::exchange(keyring_owed_, false);
  if (lines_) {
    lines_->on(pool_->clocks());
    lines_due_ = true;
    sync_due_ |= sync;
  }
  to_disk();
}

disk_job pool_state::next_job() {
  disk_job j;
  j.has_lines = lines_ && lines_due_;
  if (j.has_lines) {
    j.whole = whole_due_ || lines_->wants_compaction();
    j.lines = j.whole ? lines_->compacted() : lines_->take();
    j.sync = sync_due_;
    lines_due_ = sync_due_ = whole_due_ = false;
  }
  if (keyring_due_) j.keyring = keyring_file(keys_);
  keyring_due_ = false;
  return j;
}

void pool_state::to_disk() {
  if (disk_busy_) {
    // More than the whole would be is not kept for it.
    if (lines_ && lines_->wants_compaction()) {
      (void)lines_->compacted();
      whole_due_ = true;
    }
    return;
  }
  if (!lines_due_ && !keyring_due_) return;
  auto job = next_job();
  under_way_ = std::exchange(unanswered_, {});
  if (disk_here_) return settle(disk_here_->perform(job));
  disk_busy_ = true;
  caf::anon_send(disk_, std::move(job));
}

void pool_state::settle(const disk_done& d) {
  disk_busy_ = false;
  whole_due_ |= d.snapshot != snapshot_file::outcome::done;
  lines_due_ |= d.snapshot == snapshot_file::outcome::wants_whole;
  if (!d.keyring) {
    if (!std::exchange(keyring_failing_, true)) log::err("agent.gossip", "cannot write the keyring, trying again: error=\"{}\"", d.keyring.err().text);
    keyring_owed_ = true;
    flush_at_ = std::min(flush_at_, now() + keyring_retry);
  } else if (d.has_keyring && std::exchange(keyring_failing_, false)) {
    log::info("agent.gossip", "the keyring is written again: path={}", setup_.keyring_path);
  }
  for (const auto handle : std::exchange(under_way_, {})) answer_keys(handle, d.keyring ? members::key_response{.ok = true} : members::key_response{.why = d.keyring.err().text});
  to_disk();
}

// What it failed to write is written with what comes next.
void pool_state::written(const disk_done& d) {
  settle(d);
  perform();
}

void pool_state::answer_keys(uint64_t handle, members::key_response r) {
  if (auto s = pool_->answer_keys(now(), handle, std::move(r)); !s) note(true, "serf: Failed to respond to key query: " + s.err().text);
}

// The last words; who waits for the node to stop waits for the disk's actor, too.
void pool_state::end_disk() {
  if (!lines_ && !disk_) return;
  if (lines_) {
    lines_->on(pool_->clocks());
    lines_due_ = whole_due_ = sync_due_ = true; // how what is under way ends is not known yet
  }
  auto last = next_job();
  if (disk_here_) return (void)disk_here_->perform(last);
  caf::anon_send(disk_, std::move(last));
  caf::anon_send(disk_, disk_end{});
}

} // namespace actord::gossip
