// Texts of refusals that are a server's to give, whoever found the fault: elsewhere they come with what Consul puts before the error of
// another server.
#pragma once
#include "api/http/handler.hpp"

namespace actord::http {

// Any server's: a client agent passes it on.
inline std::string as_server(const environment& env, std::string_view text) {
  return (env.views.has_store() ? "" : "rpc error making call: ") + std::string(text);
}

// The leader's: followers pass it on as well.
inline std::string as_leader(const environment& env, std::string_view text) {
  const bool leads = env.views.has_store() && env.status.leader.load(std::memory_order_relaxed);
  return (leads ? "" : "rpc error making call: ") + std::string(text);
}

} // namespace actord::http
