#include "api/http/routes.hpp"

namespace actord::http {

// This version has no ACLs: what needs them says that they are off.
static void acl_disabled(exchange& x) { x.out.text(401, "ACL support disabled"); }

static std::vector<route> acl_routes() {
  return {
      {"/v1/acl/bootstrap", PUT, acl_disabled},
      {"/v1/acl/replication", GET, acl_disabled},
      {"/v1/acl/login", POST, acl_disabled},
      {"/v1/acl/logout", POST, acl_disabled},
      {"/v1/acl/policies", GET, acl_disabled},
      {"/v1/acl/policy", PUT, acl_disabled},
      {"/v1/acl/policy/", GET | PUT | DELETE, acl_disabled},
      {"/v1/acl/policy/name/", GET, acl_disabled},
      {"/v1/acl/tokens", GET, acl_disabled},
      {"/v1/acl/token", PUT, acl_disabled},
      {"/v1/acl/token/self", GET, acl_disabled},
      {"/v1/acl/token/", GET | PUT | DELETE, acl_disabled},
      {"/v1/acl/roles", GET, acl_disabled},
      {"/v1/acl/role", PUT, acl_disabled},
      {"/v1/acl/role/", GET | PUT | DELETE, acl_disabled},
      {"/v1/acl/role/name/", GET, acl_disabled},
      {"/v1/acl/binding-rules", GET, acl_disabled},
      {"/v1/acl/binding-rule", PUT, acl_disabled},
      {"/v1/acl/binding-rule/", GET | PUT | DELETE, acl_disabled},
      {"/v1/acl/auth-methods", GET, acl_disabled},
      {"/v1/acl/auth-method", PUT, acl_disabled},
      {"/v1/acl/auth-method/", GET | PUT | DELETE, acl_disabled},
      {"/v1/acl/rules/translate", POST, acl_disabled},
      {"/v1/acl/rules/translate/", GET, acl_disabled},
      {"/v1/acl/create", PUT, acl_disabled}, // and what follows: the tokens of before 1.4
      {"/v1/acl/update", PUT, acl_disabled},
      {"/v1/acl/destroy/", PUT, acl_disabled},
      {"/v1/acl/info/", GET, acl_disabled},
      {"/v1/acl/clone/", PUT, acl_disabled},
      {"/v1/acl/list", GET, acl_disabled},
  };
}

std::vector<route> all_routes() {
  std::vector<route> rows{
      {"/v1/catalog/register", PUT, catalog_register},
      {"/v1/catalog/connect/", GET, catalog_connect},
      {"/v1/catalog/deregister", PUT, catalog_deregister},
      {"/v1/catalog/datacenters", GET, catalog_datacenters},
      {"/v1/catalog/nodes", GET, catalog_nodes},
      {"/v1/catalog/services", GET, catalog_services},
      {"/v1/catalog/service/", GET, catalog_service},
      {"/v1/catalog/node/", GET, catalog_node},
      {"/v1/catalog/node-services/", GET, catalog_node_services},
      {"/v1/catalog/gateway-services/", GET, catalog_gateway_services},
      {"/v1/health/node/", GET, health_node},
      {"/v1/health/checks/", GET, health_checks},
      {"/v1/health/state/", GET, health_state},
      {"/v1/health/service/", GET, health_service},
      {"/v1/health/connect/", GET, health_connect},
      {"/v1/health/ingress/", GET, health_ingress},
      {"/v1/session/create", PUT, session_create_endpoint},
      {"/v1/session/destroy/", PUT, session_destroy_endpoint},
      {"/v1/session/renew/", PUT, session_renew_endpoint},
      {"/v1/session/info/", GET, session_info},
      {"/v1/session/node/", GET, session_node},
      {"/v1/session/list", GET, session_list},
      {"/v1/query", GET | POST, query_general},
      {"/v1/query/", GET | PUT | DELETE, query_specific},
      {"/v1/coordinate/datacenters", GET, coordinate_datacenters},
      {"/v1/coordinate/nodes", GET, coordinate_nodes},
      {"/v1/coordinate/node/", GET, coordinate_node},
      {"/v1/coordinate/update", PUT, coordinate_update},
      {"/v1/kv/", GET | PUT | DELETE, kv_endpoint},
      {"/v1/event/fire/", PUT, event_fire},
      {"/v1/event/list", GET, event_list},
      {"/v1/status/leader", GET, status_leader},
      {"/v1/status/peers", GET, status_peers},
      {"/v1/operator/raft/configuration", GET, operator_raft_configuration},
      {"/v1/operator/raft/peer", DELETE, operator_raft_peer},
      {"/v1/operator/raft/transfer-leader", PUT | POST, operator_transfer_leader},
      {"/v1/operator/keyring", GET | POST | PUT | DELETE, operator_keyring},
      {"/v1/operator/autopilot/configuration", GET | PUT, operator_autopilot_configuration},
      {"/v1/operator/autopilot/health", GET, operator_autopilot_health},
      {"/v1/operator/autopilot/state", GET, operator_autopilot_state},
      {"/v1/txn", PUT, txn_endpoint},
  };
  for (auto& r : acl_routes()) rows.push_back(r);
  for (auto& r : agent_routes()) rows.push_back(r);
  return rows;
}

} // namespace actord::http
