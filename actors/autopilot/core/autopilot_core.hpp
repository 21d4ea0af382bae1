// Decides which servers are healthy, which learners become voters and which dead servers go. Fed with what the leader
// knows of the servers; every server feeds one, so that a new leader knows since when the others are stable, and only the
// leader carries out what comes out by drain().
//
// The rules of health are Consul's: alive, heard of within LastContactThreshold, of the leader's term, not more than
// MaxTrailingLogs behind. A learner is promoted once it was healthy for ServerStabilizationTime.
//
// A dead voter is removed when the cluster can lose more servers without it than with it: one of three stays, since two
// voters tolerate as little as three of which one is dead; once a fourth has come in its place it goes. Never more than
// the minority of voters, never below MinQuorum. Consul removes any minority after some ten seconds.
#pragma once
#include "actors/autopilot/core/types.hpp"
#include "storage/model/autopilot.hpp"
#include <map>
#include <optional>
#include <span>

namespace actord::autopilot {

struct core_options {
  int64_t heartbeat_ms = 100;     // contact is as old as that between two heartbeats; it is not held against a server
  int64_t dead_after_ms = 15'000; // silence after which a server is dead
  int64_t retry_ms = 5'000;       // after a change that failed
};

class autopilot_core {
public:
  explicit autopilot_core(core_options o) : options_(o) {}

  // now_ms: a steady clock; unix_seconds: the wall clock. `leading`: this server is the leader and may act.
  void observe(int64_t now_ms, int64_t unix_seconds, const autopilot_config& config, std::span<const server_fact> servers, bool leading);
  void unknown(); // no leader was reached
  // How the drained change ended; none comes out before.
  void changed(int64_t now_ms, bool done);

  const cluster_view& view() const { return view_; }
  std::optional<change> drain();

private:
  struct track {
    bool healthy = false;
    int64_t since_ms = 0, since_unix = 0; // of `healthy`
    int64_t silent_since_ms = 0;
  };
  void assess(server_health& s, const server_fact& leader, int64_t now_ms, int64_t unix_seconds, const autopilot_config& config);
  void count();
  std::optional<change> wanted(int64_t now_ms, const autopilot_config& config) const;
  std::optional<change> dead_server(const autopilot_config& config) const;

  core_options options_;
  std::map<std::string, track> tracks_;
  cluster_view view_;
  std::optional<change> next_;
  bool under_way_ = false;
  int64_t not_before_ms_ = INT64_MIN;
};

// Voters that may fail before `voters` of which `live` are there lose their majority; negative when they have.
int64_t tolerance(int64_t voters, int64_t live);

} // namespace actord::autopilot
