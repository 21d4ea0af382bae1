// Texts of refusals that are the leader's to give. Elsewhere they come with what Consul puts before the error of another
// server, whoever found the fault.
#pragma once
#include "api/http/handler.hpp"

namespace actord::http {

inline std::string as_server(const environment& env, std::string_view text) {
  const bool leads = env.views.has_store() && env.status.leader.load(std::memory_order_relaxed);
  return (leads ? "" : "rpc error making call: ") + std::string(text);
}

} // namespace actord::http
