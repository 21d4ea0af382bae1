// The phone book: every typed handle, one sentence per clause. An actor folder includes this and sends; it never
// includes another actor's header.
#pragma once
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/messages.hpp"
#include <atomic>
#include <caf/typed_actor.hpp>

namespace actord {

// What this server is at the moment, for readers that do not want to send a message. Written by the raft and state
// actors, read by everybody.
struct node_status {
  std::atomic<bool> leader{false};         // we lead, hold the lease, and have applied the no-op of our term
  std::atomic<uint64_t> applied{0};        // the index up to which views show the state
  std::atomic<uint64_t> commit{0};
  std::atomic<uint64_t> term{0};
  std::atomic<uint64_t> watchers{0};       // watches set; the state actor publishes changes only when there are some
  std::atomic<bool> known_leader{false};
};

using router_handle = caf::typed_actor<
    caf::reacts_to<proposals>,                              // replicate these; answers go to reply_to
    caf::replies_to<propose_one>::with<apply_outcome>,      // replicate this one
    caf::replies_to<leader_query>::with<leader_info>>;      // who leads, who is in the cluster

using raft_handle = router_handle::extend<
    caf::reacts_to<raft_ticked>,      // own timer
    caf::reacts_to<log_written>,      // the log writer: this write and those before are durable
    caf::reacts_to<entries_applied>,  // the state actor: applied up to here
    caf::reacts_to<log_cut_wanted>,   // the state actor: a durable snapshot holds the log up to here
    caf::reacts_to<log_was_cut>>;     // the log writer: entries up to here are gone

using state_handle = caf::typed_actor<
    caf::reacts_to<entries_committed>>; // apply these, answer their proposers, publish the changes

using watch_handle = caf::typed_actor<
    caf::reacts_to<watch_add>,        // wake me once when one of these topics changes
    caf::reacts_to<watch_remove>,     // I do not wait any more
    caf::reacts_to<state_changed>>;   // the state actor: this has changed

using agent_handle = caf::typed_actor<
    caf::replies_to<service_add>::with<agent_done>,       // register a service with its checks
    caf::replies_to<service_remove>::with<agent_done>,    // deregister a service and its checks
    caf::replies_to<check_add>::with<agent_done>,         // register a check
    caf::replies_to<check_remove>::with<agent_done>,      // deregister a check
    caf::replies_to<check_ttl_update>::with<agent_done>,  // a TTL check's news
    caf::replies_to<maintenance_set>::with<agent_done>,   // maintenance mode on or off
    caf::replies_to<agent_reload>::with<agent_done>,      // read the configuration again
    caf::replies_to<agent_leave>::with<agent_done>>;      // leave, then stop

} // namespace actord
