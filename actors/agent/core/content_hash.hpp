// Consul's ContentHash of a local service. Clients and Consul's own tests compare it with values that Consul gave, so it is its very
// number: FNV-1, 64 bits (Fowler, Noll and Vo), over the service as the agent's HTTP API shows it. Scalars are hashed as 8 bytes, little
// endian (booleans as one, strings as they are), lists by chaining (hash of both hashes), maps and records by the exclusive or of each
// key chained with its value, a record's beginning with its type's name; a pointer to nothing counts as the number 0. The rules are those
// of the library mitchellh/hashstructure 1.0, and were held against the real server.
#pragma once
#include "storage/model/catalog.hpp"
#include <string>

namespace actord::agent {

std::string content_hash(const node_service& s); // hexadecimal, without leading zeros

} // namespace actord::agent
