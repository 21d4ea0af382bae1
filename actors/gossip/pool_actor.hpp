// A gossip pool: who is in it, what its members tell each other. One actor carries out what two cores decide: memberlist's layer
// (core/swim_core) and serf's (actors/members/core/pool_core), which ask one another within a single step of a push/pull; and it
// finds the node's network coordinate (actors/coordinate/core).
// Owns: the cores, the keyring, a pool_disk with the files of both, the UDP socket with its reader's thread, the broker of its streams.
// Talks to: whoever subscribes to pool_news. Publishes: pool_board. Spawned by: boot. Dies with: the node.
// Timers: one, at the earliest of what the cores, streams and files wait for; an idle pool wakes up a few times per probe interval.
// Flooded: packets and stream bytes that were not yet taken are bounded, what does not fit is dropped (datagram_socket,
// stream_broker); the cores bound what they keep; log lines are bounded per interval.
#pragma once
#include "actors/gossip/core/settings.hpp"
#include "actors/gossip/packet_port.hpp"
#include "actors/gossip/stream_backlog.hpp"
#include "actors/interfaces/cluster.hpp"
#include "actors/members/core/agent_tags.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <functional>

namespace actord::gossip {

struct pool_setup {
  bool wan = false;
  std::string name;                 // ours in this pool
  std::string bind_ip;              // where we listen
  uint16_t bind_port = 0;           // 0: a free one
  std::string advertise_ip;         // an IP literal, never a wildcard
  uint16_t advertise_port = 0;      // 0: the one that we listen on
  members::tag_table tags;
  uint8_t delegate_protocol = 4;    // serf's version that we speak: Consul 4, serf 5
  settings knobs;
  nanos reconnect_timeout = std::chrono::hours(72);
  nanos leave_propagate_delay = std::chrono::seconds(3);
  uint16_t default_port = 8301;     // of addresses to join without one
  std::vector<std::string> allowed_networks; // CIDR; empty: everybody
  // Why somebody may not be a member; may be empty. `all`: the members of a join, else one that is announced. Called in the
  // actor's thread.
  std::function<std::optional<std::string>(const std::vector<members::claim>& all)> veto;

  std::vector<std::string> keys;    // raw, the first is primary; empty: not encrypted. A keyring file that exists wins.
  bool verify_incoming = true, verify_outgoing = true;
  std::string keyring_path;         // "": keys are kept in memory only
  std::string snapshot_path;        // "": nothing is kept
  bool rejoin_after_leave = false;
  bool coordinates = true;

  std::string log_name = "agent.client"; // lines come from <log_name>.serf.lan and .memberlist.lan
  nanos log_interval = std::chrono::seconds(10); // for which lines are bounded, and after which is told what was dropped
  uint64_t seed = 1;
  std::shared_ptr<pool_board> board;
};

// What a subscriber gets first tells each member as what it is: alive and leaving ones as joined, failed and left ones so.
// Listens when it returns; the error names what failed. The system must have loaded caf::io::middleman.
result<pool_handle> spawn_pool(caf::actor_system& system, pool_setup setup);

// What carries the pool's packets and streams. The broker takes and sends the messages of io_messages.hpp, counts in `waiting` what it
// hands over, and dies with the pool.
struct pool_io {
  std::unique_ptr<packet_port> packets;
  int listener = -1;
  std::function<caf::actor(caf::actor_system&, caf::strong_actor_ptr pool, std::shared_ptr<stream_backlog> waiting)> broker;
};
// The same with a network of the caller's (simulations), and without a thread for the disk. The setup's bind_ip and bind_port do not matter then.
result<pool_handle> spawn_pool(caf::actor_system& system, pool_setup setup, pool_io io);

} // namespace actord::gossip
