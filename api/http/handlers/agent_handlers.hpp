// Handlers of /v1/agent/*: what reads answers from the agent_board, what changes something asks the agent.
#pragma once
#include "actors/members/core/types.hpp"
#include "api/http/handler.hpp"

namespace actord::http {

void member_json(json_writer& w, const members::member& m); // handlers/members.cpp

void agent_self(exchange& x);
void agent_members(exchange& x);
void agent_metrics(exchange& x);
void agent_monitor(exchange& x);
void agent_reload_config(exchange& x);
void agent_leave_cluster(exchange& x);
void agent_join(exchange& x);
void agent_force_leave(exchange& x);
void agent_token(exchange& x);
void agent_maintenance(exchange& x);
void agent_services(exchange& x);
void agent_service(exchange& x);
void agent_service_register(exchange& x);
void agent_service_deregister(exchange& x);
void agent_service_maintenance(exchange& x);
void agent_checks(exchange& x);
void agent_check_register(exchange& x);
void agent_check_deregister(exchange& x);
void agent_check_pass(exchange& x);
void agent_check_warn(exchange& x);
void agent_check_fail(exchange& x);
void agent_check_update(exchange& x);
void agent_health_by_id(exchange& x);
void agent_health_by_name(exchange& x);

} // namespace actord::http
