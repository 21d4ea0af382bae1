// The handle of the connections to the other servers.
#pragma once
#include <caf/typed_actor.hpp>

namespace actord {

struct peers_ask; struct peers_reply; struct peers_say; struct peers_send; struct peers_send_snapshot;
struct peers_ticked; struct peers_wanted;

// The connections to the other servers: Raft messages, requests to the leader, snapshots.
using peers_handle = caf::typed_actor<
    caf::reacts_to<peers_send>,          // Raft: messages for peers
    caf::reacts_to<peers_wanted>,        // Raft: who to be connected to
    caf::reacts_to<peers_say>,           // Raft: our hello
    caf::reacts_to<peers_ask>,           // Raft: a request to another server
    caf::reacts_to<peers_reply>,         // Raft: the answer to another server's request
    caf::reacts_to<peers_send_snapshot>, // Raft: a follower needs the state
    caf::reacts_to<peers_ticked>>;       // own timer: redial, time-outs

} // namespace actord
