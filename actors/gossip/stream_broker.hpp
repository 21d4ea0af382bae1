// The TCP side of a pool: carries bytes between connections and the pool's actor, and understands none of them, so that no
// decryption or expansion holds up the multiplexer's thread, which Raft's connections share.
// Owns: the connections. Talks to: the pool's actor. Spawned by: it. Dies with: it. Timers: none, the pool closes
// what takes too long. Flooded: at most most_accepted connections that others made, of which for a new one the oldest of the address that has
// most of them goes (an exchange takes milliseconds), and most_waiting_bytes that the pool has not yet taken.
#pragma once
#include "actors/gossip/io_messages.hpp"
#include "actors/gossip/stream_backlog.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

namespace actord::gossip {

constexpr size_t most_accepted = 127;        // memberlist serves as many push/pulls at a time
constexpr size_t most_dialled = 256;

// `waiting` counts bytes that were handed over; whoever takes them says so. Connections are dialled from `source_ip` ("": any).
caf::actor spawn_stream_broker(caf::actor_system& system, std::string source_ip, caf::strong_actor_ptr pool,
                               std::shared_ptr<stream_backlog> waiting);

} // namespace actord::gossip
