// What Consul refuses of a session before it is proposed: HTTP and RPC look before they ask the leader.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/session.hpp"

namespace actord {

status check_new_session(const session_record& s, nanos least_ttl); // the texts are Consul's

} // namespace actord
