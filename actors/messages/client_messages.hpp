// Messages of a client agent: between the one who knows the servers and the local agent.
#pragma once
#include "actors/messages/messages.hpp"

namespace actord {

// A value of agent_ticked::generation that is no timer's: servers came or changed their leader, so that the catalog may
// lack what was registered here. The agent compares soon.
inline constexpr uint64_t agent_compares_soon = ~uint64_t{1};

// To the RPC client: tell `sink` so (agent_ticked) from now on.
struct servers_watch {
  caf::strong_actor_ptr sink;
};

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::servers_watch)
