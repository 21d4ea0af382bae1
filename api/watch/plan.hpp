// What each type of watch asks the agent, and how it shows the answer: as Consul's client would, whose records have
// their own order of fields.
#pragma once
#include "api/cli/http_client.hpp"
#include <string>
#include <vector>

namespace actord::watch {

struct request {
  std::string type = {}, key = {}, prefix = {}, service = {}, service_id = {}, state = {}, name = {};
  std::vector<std::string> tags = {};
  bool passing_only = false, has_passing_only = false;
};

// The request to repeat, or why the parameters do not fit the type.
result<cli::api_request> plan(const request& w);

// Compact JSON of the view. `found` is false for the 404 that an absent key is answered with; `seen` is the index of the
// last view, of events only what came after it is shown.
result<std::string> render(const std::string& type, std::string_view body, bool found, uint64_t seen = 0);

} // namespace actord::watch
