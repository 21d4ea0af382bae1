// The paths under /v1/agent/, one row each.
#include "api/http/handler.hpp"

namespace actord::http {

std::span<const route> agent_routes() { return {}; }

} // namespace actord::http
