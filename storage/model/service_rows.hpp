// An instance of a service with its node, as one flat record and as two.
#pragma once
#include "storage/model/catalog.hpp"

namespace actord {

service_node flattened(const node_record& n, const node_service& s);
check_service_node unflattened(service_node flat); // without checks

} // namespace actord
