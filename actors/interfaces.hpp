// The phone book: the typed handles that most write to, one sentence per clause; those of the others stand beside their messages in
// actors/messages. An actor folder includes these and sends; it never includes another actor's header.
#pragma once
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include <atomic>
#include <limits>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <memory>

namespace actord {

// What this agent is at the moment, for readers that do not want to send a message. Written by the raft, state and watch
// actors (on a client agent by actors/rpc/client_actor), read by everybody.
struct node_status {
  std::atomic<bool> leader{false};         // we lead, hold the lease, and have applied the no-op of our term
  std::atomic<uint64_t> applied{0};        // the index up to which views show the state
  std::atomic<uint64_t> commit{0};
  std::atomic<uint64_t> term{0};
  // Watches that are set. While there are none, the state actor does not publish changes but notes here up to where it
  // has not; the watch actor fires a new watch at once when its sender looked before that (both sequentially
  // consistent, so one of the two sees the other).
  std::atomic<uint64_t> watchers{0};
  std::atomic<uint64_t> unpublished{0};
  std::atomic<bool> known_leader{false};
  // Until when (steady clock, ns) nobody else can lead: a leader's reads need no question before. max where no other server
  // exists, max - 1 where none votes.
  std::atomic<int64_t> lease_until{0};
  std::atomic<bool> catching_up{false};    // has less than the leader had committed when it was first heard of since the start
  std::atomic<int64_t> leader_heard{0}; // when a leader was last heard of (steady clock, ns); 0: never since the start

  // Does a view that is opened after this call show everything that anybody was told or shown before it? A leader knows
  // while its lease lasts (thesis 6.4.1), once it has applied what it committed: followers may have applied that already.
  // `confirm`: only if no other server exists. `now`: steady clock, ns.
  bool sees_everything(int64_t now, bool confirm) const {
    if (!leader.load(std::memory_order_acquire)) return false;
    const auto until = lease_until.load(std::memory_order_acquire);
    if (until == std::numeric_limits<int64_t>::max()) return true;
    return !confirm && now < until && applied.load(std::memory_order_acquire) >= commit.load(std::memory_order_acquire);
  }
};

using router_handle = caf::typed_actor<
    caf::reacts_to<proposals>,                              // replicate these; answers go to reply_to
    caf::reacts_to<read_wanted>,                            // tell reply_to when a read here sees all that was acknowledged
    caf::replies_to<membership_change>::with<apply_outcome>, // add or remove a server
    caf::replies_to<leadership_transfer>::with<apply_outcome>, // let another server lead
    caf::replies_to<propose_one>::with<apply_outcome>,      // replicate this one
    caf::replies_to<leader_query>::with<leader_info>>;      // who leads, who is in the cluster

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

// The connections to the other servers: Raft messages, requests to the leader, snapshots.
using peers_handle = caf::typed_actor<
    caf::reacts_to<peers_send>,          // Raft: messages for peers
    caf::reacts_to<peers_wanted>,        // Raft: who to be connected to
    caf::reacts_to<peers_say>,           // Raft: our hello
    caf::reacts_to<peers_ask>,           // Raft: a request to another server
    caf::reacts_to<peers_reply>,         // Raft: the answer to another server's request
    caf::reacts_to<peers_send_snapshot>, // Raft: a follower needs the state
    caf::reacts_to<peers_ticked>>;       // own timer: redial, time-outs

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

using watch_handle = caf::typed_actor<
    caf::reacts_to<watch_add>,        // wake me once when one of these topics changes
    caf::reacts_to<watch_remove>,     // I do not wait any more
    caf::reacts_to<state_changed>>;   // the state actor: this has changed

// Runs the agent's checks, in a thread of its own; takes check_start and check_stop at its address and ends with its
// destruction. Started by what boot hands to the agent, so that the agent knows no runner.
class check_runner {
public:
  virtual ~check_runner() = default;
  virtual const caf::strong_actor_ptr& address() const = 0;
};
// Sends check_results to `sink`.
using start_checks_fn = std::function<result<std::unique_ptr<check_runner>>(caf::actor_system&, caf::strong_actor_ptr sink, uint64_t seed)>;

using agent_handle = caf::typed_actor<
    caf::replies_to<service_add>::with<agent_done>,       // register a service with its checks
    caf::replies_to<service_remove>::with<agent_done>,    // deregister a service and its checks
    caf::replies_to<check_add>::with<agent_done>,         // register a check
    caf::replies_to<check_remove>::with<agent_done>,      // deregister a check
    caf::replies_to<check_ttl_update>::with<agent_done>,  // a TTL check's news
    caf::replies_to<maintenance_set>::with<agent_done>,   // maintenance mode on or off
    caf::replies_to<agent_reload>::with<agent_done>,      // read the configuration again
    caf::replies_to<service_watch>::with<agent_done>,     // wait until a service looks different
    caf::reacts_to<check_results>,                        // the health actor: checks ran
    caf::reacts_to<proposals_done>,                       // the router: what the catalog said
    caf::reacts_to<agent_ticked>,                         // own timer
    caf::reacts_to<journal_settled>,                      // the persister: files up to here are durable
    caf::reacts_to<journal_flush>,                        // own message: sync the journal, answer who waits for that
    caf::replies_to<agent_leave>::with<agent_done>>;      // leave, then stop

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

class event_board; // actors/events: the user events that were heard

// What ties this node to the others, for the fronts and the agent. Handles may be null where a pool is off (and in tests);
// the boards never are in a running node.
struct cluster_links {
  pool_handle lan, wan;
  std::shared_ptr<const pool_board> lan_members, wan_members;
  rpc_handle rpc;
  std::shared_ptr<const event_board> events;
};

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::raft_attach)
