// What can go wrong in a run, as numbers. One row per scenario; the seed draws the rest.
#pragma once
#include "actors/raft/core/types.hpp"
#include "tests/support/virtual_network.hpp"
#include <span>
#include <string_view>

namespace actord::sim {

// Virtual time units per core tick; the network and the disk work in these finer units.
constexpr uint64_t units_per_tick = 10;

struct scenario {
  std::string_view name, about;
  test::network_faults network;
  uint64_t sync_max = 5;      // units that a sync takes at most
  double slow_disk = 0;       // share of syncs that take up to 40 times as long
  uint64_t fault_every = 0;   // mean units between two faults; 0: none
  // Relative weights of the faults.
  uint32_t partition = 0, one_way = 0, isolate_leader = 0;
  uint32_t kill = 0;          // the process dies; its page cache survives
  uint32_t power_loss = 0;    // the machine dies; what was not synced is lost
  uint32_t pause = 0;         // the process stands still, then goes on
  uint32_t transfer = 0;      // leadership is handed over
  uint32_t change = 0;        // a server is added, promoted, demoted or removed
  uint32_t damage = 0;        // a server forgets its log, though not its vote, at a restart
  size_t spares = 0;          // servers beside the first members, for changes
  bool hasty = false;         // every leader changes the members as soon as it leads, often cut off from some
  // Share of elections (at most; each run draws its own) that a fault hits: votes on their way to the disk, and leaders that have
  // only begun (paper, figure 8), are where mistakes show.
  double election_fault = 0;
  bool compaction = false;
};

std::span<const scenario> scenarios();
const scenario* find_scenario(std::string_view name); // null when there is none

struct run_options {
  uint64_t seed = 1;
  uint64_t ticks = 1000; // of faults and load; then everything is mended and must come to rest
  size_t nodes = 3;
  const scenario* faults = nullptr;
  raft::mutation broken = raft::mutation::none;
  bool trace = false; // print every event
};

struct run_result {
  bool ok = true;
  std::string failure;     // which rule, where
  uint64_t trace_hash = 0; // of all events; the same for the same options
  uint64_t committed = 0, acknowledged = 0, reads = 0, elections = 0, crashes = 0, snapshots = 0, changes = 0;
  uint64_t undecided = 0;  // keys whose history was too tangled to check
};

run_result run_world(const run_options& o);

} // namespace actord::sim
