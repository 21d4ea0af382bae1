// For handlers whose answer may take long though they are no reads of an endpoint.
#pragma once
#include "api/http/handler.hpp"

namespace actord::http {

// Answers by `f`, in another thread when one can be had. It holds what it needs.
void make_elsewhere(const environment& env, deferred to, std::function<void(response&)> f);

} // namespace actord::http
