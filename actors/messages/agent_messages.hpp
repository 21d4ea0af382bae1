// Messages to and from the agent actor: what /v1/agent/* and the CLI ask of the local agent. The HTTP front decodes and
// validates what Consul validates in its handlers; the agent decides the rest.
#pragma once
#include "actors/messages/messages.hpp"
#include "storage/model/agent.hpp"

namespace actord {

struct service_add {
  service_definition service;
  bool replace_existing_checks = false;
  std::string token;
};
struct service_remove { std::string id; };
struct check_add {
  check_registration check;
  std::string token;
};
struct check_remove { std::string id; };
// pass, warn, fail, update of a TTL check.
struct check_ttl_update { std::string id, status, output; };
struct maintenance_set {
  bool node = true;       // else the service
  std::string service_id;
  bool enable = false;
  std::string reason;
};

// Answers agent_done when the service's content hash differs from `hash`, is gone, or `wait` is over; what there is then
// stands on the agent_board.
struct service_watch {
  std::string id, hash;
  nanos wait{0};
};

// ---- between the agent and whoever runs its checks ----
struct check_start { // or start again; the same registration as before goes on undisturbed
  std::string id;
  std::shared_ptr<const check_registration> check;
};
struct check_stop { std::string id; };
struct check_result { std::string id, status, output; };
struct check_results { std::vector<check_result> results; };

struct agent_ticked { uint64_t generation = 0; };
struct journal_settled { uint64_t sequence = 0; };
struct journal_flush {}; // own message: all registrations before it share one sync

struct agent_reload {};                 // SIGHUP, /v1/agent/reload; answer agent_done
struct agent_leave {};                  // SIGTERM, /v1/agent/leave; answer agent_done, then the node stops

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::service_add)
ACTORD_LOCAL_MESSAGE(actord::service_remove)
ACTORD_LOCAL_MESSAGE(actord::check_add)
ACTORD_LOCAL_MESSAGE(actord::check_remove)
ACTORD_LOCAL_MESSAGE(actord::check_ttl_update)
ACTORD_LOCAL_MESSAGE(actord::maintenance_set)
ACTORD_LOCAL_MESSAGE(actord::agent_reload)
ACTORD_LOCAL_MESSAGE(actord::agent_leave)
ACTORD_LOCAL_MESSAGE(actord::service_watch)
ACTORD_LOCAL_MESSAGE(actord::check_start)
ACTORD_LOCAL_MESSAGE(actord::check_stop)
ACTORD_LOCAL_MESSAGE(actord::check_results)
ACTORD_LOCAL_MESSAGE(actord::agent_ticked)
ACTORD_LOCAL_MESSAGE(actord::journal_settled)
ACTORD_LOCAL_MESSAGE(actord::journal_flush)
