// What a server checks and fills in before it proposes a change of the catalog, whoever asks: the HTTP API, a transaction or
// Consul's RPC. Faults are Consul's texts, "" when there is none.
#pragma once
#include "storage/command/commands.hpp"

namespace actord {

std::string prepare_registration(register_request& r, std::string_view datacenter);
std::string prepare_deregistration(deregister_request& r, std::string_view datacenter);
std::string prepare_service(node_service& s);
// Of each operation; empty when nothing is wrong.
std::vector<txn_error> prepare_transaction(txn_request& r);

} // namespace actord
