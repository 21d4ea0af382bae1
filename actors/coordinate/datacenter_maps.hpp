// Where the servers of all datacenters are, as the WAN pool heard it.
#pragma once
#include "actors/messages/pool_messages.hpp"
#include "storage/model/coordinate.hpp"
#include <map>
#include <string>
#include <vector>

namespace actord::coordinate {

// By datacenter; nodes by the names that they have there. Servers that were not measured yet are left out.
std::map<std::string, list_of<coordinate_record>> by_datacenter(const pool_view& wan);

// `own` and those whose servers the WAN pool knows and that have not left, nearest first: by the median of what their servers are away;
// as far, and not measured yet, by name.
std::vector<std::string> nearest_datacenters(const pool_view& wan, const std::string& own);

} // namespace actord::coordinate
