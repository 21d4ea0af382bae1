// Handles of the actors that replicate and apply: Raft, its log, the state, snapshots, autopilot.
#pragma once
#include "actors/interfaces/peers.hpp"
#include "actors/interfaces/router.hpp"
#include <caf/allowed_unsafe_message_type.hpp>

namespace actord {

struct apply_retry; struct autopilot_ticked; struct entries_applied; struct entries_committed; struct log_cut;
struct log_cut_wanted; struct log_flush; struct log_write; struct log_written; struct peer_answer; struct peer_lost;
struct peer_messages; struct peer_question; struct peer_said; struct proposals_done; struct raft_ticked;
struct snapshot_arrived; struct snapshot_tick; struct snapshot_was_sent; struct state_install;

using log_writer_handle = caf::typed_actor<
    caf::reacts_to<log_write>,        // make this durable, then tell the raft actor
    caf::reacts_to<log_flush>,        // own message: all that came before it goes into one sync
    caf::reacts_to<log_cut>>;         // drop entries that a durable snapshot holds

using state_handle = caf::typed_actor<
    caf::reacts_to<entries_committed>, // apply these, answer their proposers, publish the changes
    caf::reacts_to<state_install>,     // replace the state by another server's
    caf::reacts_to<apply_retry>>;      // own timer: the disk was full

using snapshot_handle = caf::typed_actor<
    caf::reacts_to<snapshot_tick>>;   // own timer: is it time to write a durable snapshot and cut the log?

using autopilot_handle = caf::typed_actor<
    caf::reacts_to<autopilot_ticked>>; // own timer: who is healthy, who should vote, who should go?

// Gives the raft actor the state actor, once both exist (each needs the other's handle).
struct raft_attach {
  state_handle state;
  peers_handle peers;        // null on a server that stays alone
};

using raft_handle = router_handle::extend<
    caf::reacts_to<peer_messages>,    // peers: Raft messages came
    caf::reacts_to<peer_said>,        // peers: a server said who it is
    caf::reacts_to<peer_lost>,        // peers: a connection is gone
    caf::reacts_to<peer_question>,    // peers: another server asks
    caf::reacts_to<peer_answer>,      // peers: what another server answered
    caf::reacts_to<snapshot_was_sent>, // peers: how that ended
    caf::reacts_to<snapshot_arrived>, // peers: the leader sent us the state
    caf::reacts_to<raft_attach>,      // boot: this is the state actor; start
    caf::reacts_to<proposals_done>,   // the state actor: outcomes of propose_one
    caf::reacts_to<raft_ticked>,      // own timer
    caf::reacts_to<log_written>,      // the log writer: this write and those before are durable
    caf::reacts_to<entries_applied>,  // the state actor: applied up to here
    caf::reacts_to<log_cut_wanted>>;  // the snapshot actor: a durable snapshot holds the log up to here

} // namespace actord

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::raft_attach)
