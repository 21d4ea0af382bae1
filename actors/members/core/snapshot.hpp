// The file from which a restarted agent knows whom to join again (actors/members/serf.md): text, a line per change, appended.
// Its bytes only: reading, writing and syncing are the actor's.
#pragma once
#include "actors/members/core/pool_core.hpp"

namespace actord::members {

struct snapshot_contents {
  std::map<node_name, std::string> alive; // ip:port
  clock_times clocks;
  bool operator==(const snapshot_contents&) const = default;
};

constexpr size_t snapshot_nodes = 100'000; // more are not read

// What the lines come to. A last line without its end is ignored, as are lines that make no sense: `skipped` counts them.
// Leaving forgets everything, unless `rejoin_after_leave`.
snapshot_contents read_snapshot(std::string_view text, bool rejoin_after_leave, size_t* skipped = nullptr);

// Turns what happens into lines.
class snapshot_writer {
public:
  static constexpr nanos flush_interval = std::chrono::milliseconds(500);

  // `size`: the file's. With what read_snapshot() gave for it.
  snapshot_writer(snapshot_contents c, size_t size, bool rejoin_after_leave)
      : now_(std::move(c)), size_(size), rejoin_after_leave_(rejoin_after_leave) {}

  void on(const tell_member_event& e);
  void on(const clock_times& t); // every flush_interval
  void leave(); // no member event counts any more; sync after this
  // Lines to append to the file, once.
  std::string take();
  // The file has grown much beyond what it says: write compacted() to a file beside it, sync, and put it in its place.
  bool wants_compaction() const;
  std::string compacted(); // take() gives nothing of what is in it
  const snapshot_contents& contents() const { return now_; }

private:
  void line(std::string text);
  snapshot_contents now_;
  size_t size_;
  bool rejoin_after_leave_, leaving_ = false;
  std::string lines_;
};

} // namespace actord::members
