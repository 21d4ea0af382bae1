// The flags -node, -service and -tag of event and exec: which agents are meant.
#pragma once
#include "api/cli/command.hpp"

namespace actord::cli {

std::vector<flag_spec> target_filter_flags();
status check_target_filters(const parsed_flags& flags);
// PUT /v1/event/fire/<name> with the filters that were given.
api_request fire_request(const invocation& in, const std::string& name, std::string payload);

} // namespace actord::cli
