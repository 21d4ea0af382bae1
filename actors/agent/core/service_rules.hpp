// Consul's rules for registrations: what is refused and with which text (actors/agent/rules.md), and what records a
// registration turns into. Pure functions.
#pragma once
#include "actors/agent/core/types.hpp"
#include <vector>

namespace actord::agent {

// Consul's CheckType.Validate; the text has no prefix.
status validate_check(const check_registration& c);
// "" when the kind is unknown: ttl http tcp grpc docker script alias.
std::string_view check_kind(const check_registration& c);
bool valid_check_status(std::string_view s);

// What the HTTP handler of service/register refuses with 400, in its order. `sidecar`: the same for the sidecar part.
status validate_service(const service_definition& d);
// The same for check/register.
status validate_standalone_check(const check_registration& c);

// What Consul refuses of a configuration file when the agent starts: less, as its reader looks at metadata and weights already.
status validate_file_service(const service_definition& d);
status validate_file_check(const check_registration& c);

// The checks of a service registration that are not empty, the single one first.
std::vector<check_registration> checks_of(const service_definition& d);
// Their ids, given or made of the service's.
std::vector<std::string> check_ids(const node_service& s, const std::vector<check_registration>& checks);
// `service` may not have a check of this id, since `owner` has it; "" is the node.
error id_taken(const std::string& check_id, const std::string& owner, const std::string& service);
// The instance that goes into the catalog: default id, weights, and the IP families' tagged addresses.
node_service instance_of(const service_definition& d);

// The sidecar's definition completed from its service (Consul's sidecar_service.go); the port is chosen by the caller
// when it is 0 (and the default checks made with default_sidecar_checks).
service_definition complete_sidecar(const service_definition& parent, const node_service& parent_instance);
std::vector<check_registration> default_sidecar_checks(const node_service& sidecar, std::string_view parent_id);

} // namespace actord::agent
