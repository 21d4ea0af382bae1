// Follows one view of the agent's API: asks, waits for another index, asks again. The one implementation of a watch, for
// the command `watch` and for the watches of an agent's configuration.
#pragma once
#include "api/watch/plan.hpp"
#include "runtime/base/duration.hpp"
#include <functional>

namespace actord::watch {

struct hooks {
  // The view, as compact JSON, is new. False ends the watch.
  std::function<bool(uint64_t index, const std::string& view)> changed;
  // The agent could not be asked; it is asked again after `retry`, for which this waits. False ends the watch.
  std::function<bool(const std::string& why, nanos retry)> failed;
  // False ends the watch; asked after every answer. Empty: never.
  std::function<bool()> go_on = {};
};

// Returns when a hook has said so. `query`: what else to ask with (dc, stale).
void follow(cli::http_client& client, const request& what, const cli::api_request& first, const hooks& h);

} // namespace actord::watch
