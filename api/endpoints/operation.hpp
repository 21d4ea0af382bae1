// Operator.*: what operators set.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::endpoints::operation {

extern const read_endpoint<rpc::datacenter_request, autopilot_config> autopilot_configuration;
extern const write_endpoint<autopilot_request, bool> set_autopilot_configuration;

} // namespace actord::endpoints::operation
