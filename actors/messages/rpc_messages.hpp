// One call of Consul's server RPC (actors/rpc/wire.md), as the actors of one process hand it around. On a server it is
// carried out here; on a client agent it goes to a server.
#pragma once
#include "actors/messages/messages.hpp"

namespace actord {

struct rpc_call {
  std::string method;    // "Internal.EventFire"
  std::string arguments; // msgpack of the argument map
  nanos patience{0};     // 0: as long as the method may take; a blocking query says so itself (MaxQueryTime)
  bool reads = false;    // changes nothing, so it may be tried again on another server
};
struct rpc_answer {
  error failure;    // errc::none, or Consul's text as its servers say it; no_leader when no server was reached
  std::string body; // msgpack of the reply
};

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::rpc_call)
ACTORD_LOCAL_MESSAGE(actord::rpc_answer)
