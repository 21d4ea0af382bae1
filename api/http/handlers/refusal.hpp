// Texts of refusals that are a server's to give. On a client agent they come with what Consul puts before a server's
// error, whoever found the fault.
#pragma once
#include "api/http/handler.hpp"

namespace actord::http {

inline std::string as_server(const environment& env, std::string_view text) {
  return (env.views.has_store() ? "" : "rpc error making call: ") + std::string(text);
}

} // namespace actord::http
