// Handles and messages of the actors that work beside Raft: the leader's reconcile, the reaper of sessions, coordinates.
#pragma once
#include "actors/messages/messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "storage/model/coordinate.hpp"

namespace actord {

// Whether the leader answered a command itself, instead of writing it: no, yes, or ask again when the state is current.
enum class own_answer : uint8_t { none, given, later };

// What only the leader of `term` may write: its actors' conclusions from its clock and its pool. Where that is over they are refused
// with no_leader, neither held nor passed on: whoever leads then draws its own. The raft actor takes them at its address.
struct leader_proposals {
  uint64_t term = 0;
  proposals what;
};
using leader_line = caf::typed_actor<
    caf::reacts_to<leader_proposals>>; // the leader's actors: replicate these, if we still lead

struct leader_ticked {};
using leader_handle = caf::typed_actor<
    caf::reacts_to<leader_ticked>,    // own timer: do we lead? is it time to look at all members?
    caf::reacts_to<pool_news>,        // the LAN pool: members came and went
    caf::reacts_to<proposals_done>>;  // the router: what the catalog said

// The leader was asked to keep this session; sent by whoever answers the renewal.
struct session_renewed {
  std::string id;
};
struct session_ticked {};
using session_handle = caf::typed_actor<
    caf::reacts_to<session_ticked>,   // own timer: do we lead? whose time is over?
    caf::reacts_to<session_renewed>,  // its time starts again
    caf::reacts_to<watch_fired>,      // the watch actor: sessions came or went
    caf::reacts_to<proposals_done>>;  // the router: what became of those that ended

struct coordinate_ticked {};
struct coordinate_flushed {};
// One Coordinate.Update: kept until the batch goes out, the last one of a node and segment counts.
struct coordinate_heard {
  coordinate_record where;
};
using coordinate_handle = caf::typed_actor<
    caf::reacts_to<coordinate_ticked>,                      // own timer: tell a server where we are
    caf::reacts_to<coordinate_flushed>,                     // own timer: propose what was heard
    caf::replies_to<coordinate_heard>::with<agent_done>>;   // HTTP, RPC: a node is there

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::leader_proposals)
ACTORD_LOCAL_MESSAGE(actord::leader_ticked)
ACTORD_LOCAL_MESSAGE(actord::session_renewed)
ACTORD_LOCAL_MESSAGE(actord::session_ticked)
ACTORD_LOCAL_MESSAGE(actord::coordinate_ticked)
ACTORD_LOCAL_MESSAGE(actord::coordinate_flushed)
ACTORD_LOCAL_MESSAGE(actord::coordinate_heard)
