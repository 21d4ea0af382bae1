// What each type of watch asks the agent, and how it shows the answer: as Consul's client would, whose records have
// their own order of fields.
#pragma once
#include "api/cli/http_client.hpp"
#include <string>
#include <vector>

namespace actord::cli {

struct watch_request {
  std::string type = {}, key = {}, prefix = {}, service = {}, state = {};
  std::vector<std::string> tags = {};
  bool passing_only = false, has_passing_only = false, has_name = false;
};

// The request to repeat, or why the parameters do not fit the type.
result<api_request> plan_watch(const watch_request& w);

// Compact JSON of the view; `found` is false for the 404 that an absent key is answered with.
result<std::string> render_watch(const std::string& type, std::string_view body, bool found);

} // namespace actord::cli
