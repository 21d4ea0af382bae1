#include "api/endpoints/operation.hpp"

namespace actord::endpoints::operation {
namespace {

status find_configuration(const rpc::datacenter_request&, look& at, autopilot_config& to) {
  auto found = at.view.autopilot(at.meta);
  if (!found) return error(errc::no_leader, "No cluster leader"); // the first one writes it
  to = std::move(*found);
  return {};
}

void see_all(const authorizer&, autopilot_config&) {} // who may read it sees the whole

} // namespace

constinit const read_endpoint<rpc::datacenter_request, autopilot_config> autopilot_configuration{
    .name = "Operator.AutopilotGetConfiguration", .forward = forward_rule::any_server, .may = may_read_operation<rpc::datacenter_request>,
    .sees = see_all, .run = find_configuration, .waits = false};

} // namespace actord::endpoints::operation
