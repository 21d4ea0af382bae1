// The knobs of one gossip pool, and the formulas that they enter. Times are nanoseconds; a point in time is a duration
// since any start that does not move, given by the caller. Values of the profiles: memberlist 0.2.2 and Consul 1.8.7.
#pragma once
#include "runtime/base/duration.hpp"
#include <cstddef>
#include <cstdint>

namespace actord::gossip {

struct settings {
  // ---- probing ----
  nanos probe_interval = std::chrono::seconds(1);       // between two probes; multiplied by health while waiting
  nanos probe_timeout = std::chrono::milliseconds(500); // until others and a stream are asked, too
  int indirect_checks = 3;                              // how many others are asked
  bool tcp_pings = true;
  nanos tcp_timeout = std::chrono::seconds(10);         // of streams other than pings
  // ---- suspicion (Lifeguard) ----
  int suspicion_mult = 4;             // least time a suspect has, see suspicion_min
  int suspicion_max_timeout_mult = 6; // most time, as a multiple of the least
  int awareness_max_multiplier = 8;   // how far the own bad health stretches waiting
  bool tell_suspects = true;          // a probe of a suspect brings the accusation along
  bool answer_accusers = true;        // who accuses us gets our refutation at once, too (not in memberlist)
  // A timer that is served later than this is taken for a stall of the own process; zero: never.
  nanos stall_after = std::chrono::milliseconds(250);
  // ---- dissemination ----
  nanos gossip_interval = std::chrono::milliseconds(200);
  int gossip_nodes = 3;               // told per round
  int retransmit_mult = 4;            // see retransmit_limit
  int retransmit_min = 0;             // at least so often, however small the pool
  nanos gossip_to_the_dead_time = std::chrono::seconds(30); // how long the dead are still told, and then remembered
  nanos push_pull_interval = std::chrono::seconds(30); // zero: never
  size_t udp_buffer_size = 1400;      // bytes of a packet
  // ---- who belongs ----
  // What a packet claims is checked with whom it is about: strangers must answer, the accused may object. Whoever can send to our
  // port could otherwise fill the table, or declare anybody dead.
  bool checks_claims = true;
  nanos dead_node_reclaim_time = nanos(0); // a dead name may come back elsewhere after this; zero: never
  nanos left_node_keep_time = std::chrono::hours(24);
  size_t members_max = 65536;         // what is announced beyond that is not taken in
  // How many are taken in by others' word alone: as many, or unproven_ratio times those who have answered us, whichever is more.
  // Whoever is beyond must answer first. The first answer to a join of ours is believed up to unproven_first.
  size_t unproven_max = 1024, unproven_ratio = 4, unproven_first = 16384;
  size_t user_queue_max = 4096;       // broadcasts of the layer above, per urgency

  // ---- profiles ----
  static settings lan();
  static settings wan();
  static settings local();
  static settings consul_lan(); // what Consul starts from before gossip_lan of its configuration
  static settings consul_wan();
  static settings consul_dev();
  // The same without Lifeguard and without distrust of a stalled self or of others: plain SWIM, to compare with.
  settings without_lifeguard() const;

  // ---- formulas; n is the number of nodes in the table, whatever their state ----
  // How often one node passes on one message.
  int retransmit_limit(size_t n) const;
  nanos suspicion_min(size_t n) const;
  nanos suspicion_max(size_t n) const { return suspicion_max_timeout_mult * suspicion_min(n); }
  // Confirmations that bring a suspicion from the most to the least time; 0 when there are too few nodes to give them.
  int confirmations(size_t n) const;
  // Large clusters exchange whole states more rarely.
  nanos push_pull_period(size_t n) const;
};

} // namespace actord::gossip
