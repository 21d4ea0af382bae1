// Handles of the gossip pools and of calls to other servers: what ties this node to the others.
#pragma once
#include <caf/typed_actor.hpp>
#include <memory>

namespace actord {

struct agent_done; struct agent_leave; struct pool_fire; struct pool_force_leave; struct pool_join; struct pool_joined; struct pool_keys;
struct pool_keys_done; struct pool_leave; struct pool_subscribe; struct pool_tags; struct rpc_answer; struct rpc_call;

class pool_board;  // actors/messages/pool_messages.hpp
class event_board; // actors/events: the user events that were heard

// A gossip pool: LAN (all agents of a datacenter) or WAN (all servers).
using pool_handle = caf::typed_actor<
    caf::replies_to<pool_join>::with<pool_joined>,        // join through these addresses
    caf::replies_to<pool_leave>::with<agent_done>,        // leave; the actor goes on until it is told to end
    caf::replies_to<pool_force_leave>::with<agent_done>,  // take a failed member for left
    caf::replies_to<pool_fire>::with<agent_done>,         // spread a user event
    caf::replies_to<pool_keys>::with<pool_keys_done>,     // list, install, use, remove a key everywhere
    caf::reacts_to<pool_tags>,                            // these are our tags now
    caf::reacts_to<pool_subscribe>>;                      // send pool_news there

// Consul's RPC: on a server the one who carries it out, on a client agent the one who passes it to a server.
using rpc_handle = caf::typed_actor<
    caf::replies_to<rpc_call>::with<rpc_answer>>;         // do this call

// Takes the node out of its pools, whatever else hangs.
using leave_handle = caf::typed_actor<
    caf::replies_to<agent_leave>::with<agent_done>>;      // leave, answer when the others know, then stop

// What ties this node to the others, for the fronts and the agent. Handles may be null where a pool is off (and in tests);
// the boards never are in a running node.
struct cluster_links {
  pool_handle lan, wan;
  std::shared_ptr<const pool_board> lan_members, wan_members;
  rpc_handle rpc;
  leave_handle leave;
  std::shared_ptr<const event_board> events;
};

} // namespace actord
