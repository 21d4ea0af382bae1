// The handle of whoever gets a command replicated: on a server the raft actor. A client agent has none: its changes are calls to servers.
#pragma once
#include <caf/typed_actor.hpp>

namespace actord {

struct apply_outcome; struct leader_info; struct leader_query; struct leadership_transfer; struct membership_change;
struct proposals; struct propose_one; struct read_wanted;

using router_handle = caf::typed_actor<
    caf::reacts_to<proposals>,                              // replicate these; answers go to reply_to
    caf::reacts_to<read_wanted>,                            // tell reply_to when a read here sees all that was acknowledged
    caf::replies_to<membership_change>::with<apply_outcome>, // add or remove a server
    caf::replies_to<leadership_transfer>::with<apply_outcome>, // let another server lead
    caf::replies_to<propose_one>::with<apply_outcome>,      // replicate this one
    caf::replies_to<leader_query>::with<leader_info>>;      // who leads, who is in the cluster

} // namespace actord
