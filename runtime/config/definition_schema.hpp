// The service and check blocks of configuration files, and their way into the shape of the HTTP API.
#pragma once
#include "runtime/config/schema.hpp"

namespace actord {

const schema& service_schema();
const schema& check_schema();

// The JSON body that /v1/agent/service/register (or check/register) would take for this block of a file: the same
// content under the API's names (`enable_tag_override` becomes EnableTagOverride). The block must be in canonical form,
// as node_config::services and ::checks are.
std::string service_to_api_json(const config_value& service);
std::string check_to_api_json(const config_value& check);

} // namespace actord
