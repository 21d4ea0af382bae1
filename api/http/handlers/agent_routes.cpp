// The paths under /v1/agent/, one row each.
#include "api/http/handlers/agent_handlers.hpp"

namespace actord::http {

namespace {
constexpr route rows[] = {
    {"/v1/agent/self", GET, agent_self},
    {"/v1/agent/members", GET, agent_members},
    {"/v1/agent/metrics", GET, agent_metrics},
    {"/v1/agent/monitor", GET, agent_monitor},
    {"/v1/agent/reload", PUT, agent_reload_config},
    {"/v1/agent/leave", PUT, agent_leave_cluster},
    {"/v1/agent/join/", PUT, agent_join},
    {"/v1/agent/force-leave/", PUT, agent_force_leave},
    {"/v1/agent/token/", PUT, agent_token},
    {"/v1/agent/maintenance", PUT, agent_maintenance},
    {"/v1/agent/services", GET, agent_services},
    {"/v1/agent/service/", GET, agent_service},
    {"/v1/agent/service/register", PUT, agent_service_register},
    {"/v1/agent/service/deregister/", PUT, agent_service_deregister},
    {"/v1/agent/service/maintenance/", PUT, agent_service_maintenance},
    {"/v1/agent/checks", GET, agent_checks},
    {"/v1/agent/check/register", PUT, agent_check_register},
    {"/v1/agent/check/deregister/", PUT, agent_check_deregister},
    {"/v1/agent/check/pass/", PUT, agent_check_pass},
    {"/v1/agent/check/warn/", PUT, agent_check_warn},
    {"/v1/agent/check/fail/", PUT, agent_check_fail},
    {"/v1/agent/check/update/", PUT, agent_check_update},
    {"/v1/agent/health/service/id/", GET, agent_health_by_id},
    {"/v1/agent/health/service/name/", GET, agent_health_by_name},
};
} // namespace

std::span<const route> agent_routes() { return rows; }

} // namespace actord::http
