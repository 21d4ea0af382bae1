// What autopilot sees of a cluster and what it thinks of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace actord::autopilot {

struct server_fact { // as the leader sees it
  std::string id, name, address;
  bool leader = false;
  bool voter = true;
  bool never_votes = false;     // it was started with -non-voting-server
  int64_t last_contact_ms = -1; // -1: not since this leader leads
  uint64_t last_term = 0, last_index = 0;
};

struct server_health : server_fact {
  bool alive = false;       // heard of lately enough to be there at all
  bool healthy = false;
  int64_t stable_since = 0; // Unix seconds: since when `healthy` is what it is
};

struct cluster_view {
  bool known = false;           // false: no leader, or it was not reached
  bool healthy = false;         // every server is
  int64_t failure_tolerance = 0; // healthy voters that may go before writing stops
  std::string leader;           // its id
  std::vector<server_health> servers;
};

enum class action : uint8_t { promote, remove };
struct change {
  action what = action::promote;
  std::string id, address, why;
};

} // namespace actord::autopilot
