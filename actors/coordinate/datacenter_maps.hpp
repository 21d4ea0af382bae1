// Where the servers of all datacenters are, as the WAN pool heard it.
#pragma once
#include "actors/messages/pool_messages.hpp"
#include "storage/model/coordinate.hpp"
#include <map>

namespace actord::coordinate {

// By datacenter; nodes by the names that they have there. Servers that were not measured yet are left out.
std::map<std::string, list_of<coordinate_record>> by_datacenter(const pool_view& wan);

} // namespace actord::coordinate
