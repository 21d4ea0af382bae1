// All connections of this server's server port: to and from the other servers.
// Owns: the listener, the connections, what waits to be written to them, questions without an answer, snapshots on their way.
// Talks to: the raft actor; gets accepted connections from who listens at the server port. Spawned by: boot. Dies with: the raft actor.
// Timers: one, for dials, signs of life and time-outs.
// Flooded: what is queued for a peer is bounded per lane (core/outbox), what a peer can make us hold is bounded per
// connection (core/frames), and the number of connections is bounded.
// Lives in CAF's multiplexer thread, as a broker: nothing here blocks. Names are resolved and files are written elsewhere.
#pragma once
#include "actors/interfaces/raft.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/write_times.hpp"
#include <caf/actor_system.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace actord {

struct bind_address {
  std::string ip; // "10.0.0.1", "::1", "0.0.0.0"
  uint16_t port = 8300;
};

struct peers_setup {
  bind_address bind;
  int listener = -1;    // a listening descriptor to take over instead of opening `bind`; -1: none
  bool listens = true;  // false: somebody else accepts at `bind` and sends port_connection (port_messages.hpp)
  server_hello self;
  std::string data_dir; // for <data_dir>/snapshot-in-<n>.part; those found at the start are removed
  uint64_t seed = 1;
  std::chrono::milliseconds dial_timeout{2000};   // until the other side's hello
  std::chrono::milliseconds greet_timeout{5000};  // an accepted connection has to say hello within
  std::chrono::milliseconds ping_interval{500};
  std::chrono::milliseconds silent_limit{3000};   // our connection is given up when nothing came back for so long
  std::chrono::milliseconds idle_limit{10000};    // the same for an accepted one, over which pings come
  std::chrono::milliseconds ask_timeout{10000};
  std::chrono::milliseconds snapshot_stall{10000}; // no progress: connect again
  std::chrono::milliseconds tick{50};
  std::shared_ptr<const write_times> writes;       // what snapshots on their way must not slow down; null: nothing
  unsigned snapshot_attempts = 10;                 // connections without progress, one after the other
  size_t max_ungreeted = 1000, max_accepted = 256; // connections; an old one of the address with the most goes
  size_t max_held_bytes = 0; // of unfinished frames; 0: an eighth of the memory, at most 256 MiB
  size_t max_queued_bytes = 64 << 20;              // to one peer, per lane
  // Of one peer's questions, before its connection is closed: more than a leader takes before it refuses what is forwarded (raft's
  // max_uncommitted_bytes), and two frames beyond.
  size_t max_unanswered_bytes = 256 << 20;
};

// The error names the address when it cannot be listened on. The system must have loaded caf::io::middleman.
result<peers_handle> spawn_peers_actor(caf::actor_system& system, peers_setup setup, raft_handle raft);

} // namespace actord
