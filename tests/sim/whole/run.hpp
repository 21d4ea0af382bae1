// One run of whole nodes: what is asked for and what came of it.
#pragma once
#include "actors/raft/core/types.hpp"
#include "runtime/base/broken_rule.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace actord::sim::whole {

constexpr size_t most_servers = 12; // over the run; of those that are replaced every one counts

struct run_options {
  uint64_t seed = 1;
  size_t nodes = 3;
  uint32_t agents = 0;   // client agents; with any, servers and agents are a gossip pool
  bool upgrades = false; // servers of the version before, which are upgraded one by one
  uint64_t seconds = 30; // virtual, of load and faults; then everything is mended
  rule broken = rule::none;
  raft::mutation core_broken = raft::mutation::none;
  bool trace = false;
  std::string_view must_say; // of a broken rule: only a failure that says this counts
};

struct lock_counts { // sessions made, told to go on (where that binds), ended for their TTL; locks had, had after a delay; delays lifted
  uint64_t sessions = 0, renewed = 0, expired = 0, acquired = 0, delayed = 0, lifted = 0;
};

struct run_result : lock_counts {
  bool ok = true;
  std::string failure;
  uint64_t trace_hash = 0; // of all events; the same for the same options
  uint64_t operations = 0, acknowledged = 0, unknown = 0, reads_at_once = 0, reads_asked = 0, stale_reads = 0;
  uint64_t faults = 0, crashes = 0, power_losses = 0, hangs = 0, jumps = 0, cuts = 0, full_disks = 0, transfers = 0,
           replacements = 0, damages = 0, snapshots = 0, terms = 0, undecided = 0;
  uint64_t refused_for_delay = 0, strikes = 0;
  // Of client agents.
  uint64_t registrations = 0, removals = 0, beats = 0, expiries = 0, kept_states = 0, refused = 0, agents_died = 0, agent_strikes = 0, agents_for_good = 0,
           agents_left = 0, meddled = 0, calls = 0, calls_lost = 0, packets = 0, streams = 0, found_failed = 0, found_back = 0;
  uint64_t upgrades = 0, new_commands = 0, too_new = 0; // servers; commands of the new level that were written, and that were refused
  uint64_t slowest_mend_ms = 0; // from the end of the last fault until a write was acknowledged
};

run_result run_whole(const run_options& o);

} // namespace actord::sim::whole
