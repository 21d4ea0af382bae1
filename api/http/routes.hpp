// The table of paths: one row each, patterns and verbs as Consul has them (agent/http_register.go).
#pragma once
#include "api/http/handler.hpp"
#include <vector>

namespace actord::http {

std::vector<route> all_routes();

// ---- handlers, by file ----
void kv_endpoint(exchange& x);           // handlers/kv.cpp
void txn_endpoint(exchange& x);          // handlers/txn.cpp
void event_fire(exchange& x);            // handlers/events.cpp
void event_list(exchange& x);
void status_leader(exchange& x);         // handlers/operator_raft.cpp
void status_peers(exchange& x);
void operator_raft_configuration(exchange& x);
void operator_raft_peer(exchange& x);
void operator_transfer_leader(exchange& x);
void operator_keyring(exchange& x);      // handlers/operator_keyring.cpp
void operator_autopilot_configuration(exchange& x); // handlers/operator_autopilot.cpp
void operator_autopilot_health(exchange& x);
void operator_autopilot_state(exchange& x);
void catalog_register(exchange& x);      // handlers/catalog_writes.cpp
void catalog_deregister(exchange& x);
void catalog_datacenters(exchange& x);   // handlers/catalog.cpp
void catalog_nodes(exchange& x);
void catalog_services(exchange& x);
void catalog_service(exchange& x);
void catalog_connect(exchange& x);
void catalog_node(exchange& x);
void catalog_node_services(exchange& x);
void catalog_gateway_services(exchange& x);
void session_create_endpoint(exchange& x); // handlers/session.cpp
void session_destroy_endpoint(exchange& x);
void session_renew_endpoint(exchange& x);
void session_info(exchange& x);
void session_node(exchange& x);
void session_list(exchange& x);
void query_general(exchange& x);         // handlers/query.cpp
void query_specific(exchange& x);
void coordinate_datacenters(exchange& x); // handlers/coordinate.cpp
void coordinate_nodes(exchange& x);
void coordinate_node(exchange& x);
void coordinate_update(exchange& x);
void health_node(exchange& x);           // handlers/health.cpp
void health_checks(exchange& x);
void health_service(exchange& x);
void health_connect(exchange& x);
void health_ingress(exchange& x);
void health_state(exchange& x);

} // namespace actord::http
