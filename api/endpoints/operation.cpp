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

bool may_set(const authorizer& who, const autopilot_request&) { return who.allows(access::write, resource::operation, {}); }
status check_nothing(autopilot_request&, draft&, bool&) { return {}; }
bool is_conditional(const autopilot_request& r) { return r.cas; }
status tell_done(const apply_result& r, bool& to) { return to = r.value, status(); }

} // namespace

constinit const read_endpoint<rpc::datacenter_request, autopilot_config> autopilot_configuration{
    .name = "Operator.AutopilotGetConfiguration", .may = may_read_operation<rpc::datacenter_request>,
    .sees = see_all, .run = find_configuration, .waits = false};
constinit const write_endpoint<autopilot_request, bool> set_autopilot_configuration{
    .name = "Operator.AutopilotSetConfiguration", .command = command_kind::autopilot_set, .may = may_set, .prepare = check_nothing, .tell = tell_done,
    .conditional = is_conditional};

} // namespace actord::endpoints::operation
