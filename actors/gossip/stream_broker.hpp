// The TCP side of a pool: carries bytes between connections and the pool's actor, and understands none of them, so that no
// decryption or expansion holds up the multiplexer's thread, which Raft's connections share.
// Owns: the listener, the connections. Talks to: the pool's actor. Spawned by: it. Dies with: it. Timers: none, the pool closes
// what takes too long. Flooded: at most most_accepted connections, and most_waiting bytes that the pool has not yet taken.
#pragma once
#include "actors/gossip/io_messages.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

namespace actord::gossip {

constexpr size_t most_accepted = 127;        // memberlist serves as many push/pulls at a time
constexpr size_t most_dialled = 256;
constexpr size_t most_waiting_bytes = 32 << 20;

// Takes the listening descriptor. `waiting` counts bytes that were handed over; whoever takes them subtracts. Connections are
// dialled from `source_ip` ("": any).
caf::actor spawn_stream_broker(caf::actor_system& system, int listener, std::string source_ip, caf::strong_actor_ptr pool,
                               std::shared_ptr<std::atomic<size_t>> waiting);

} // namespace actord::gossip
