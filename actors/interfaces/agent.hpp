// The handle of the local agent, and what it is given to run checks with.
#pragma once
#include "runtime/base/error.hpp"
#include <caf/actor_control_block.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>

namespace actord {

struct agent_done; struct agent_reload; struct agent_ticked; struct check_add; struct check_remove;
struct check_results; struct check_ttl_update; struct journal_flush; struct journal_settled; struct maintenance_set;
struct proposals_done; struct service_add; struct service_remove; struct service_watch;

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
    caf::reacts_to<journal_flush>>;                       // own message: sync the journal, answer who waits for that

} // namespace actord
