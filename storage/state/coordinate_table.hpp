// Where nodes are on the network: one row per node and segment (Consul's state/coordinate.go in effect).
#pragma once
#include "storage/model/coordinate.hpp"
#include "storage/state/writing.hpp"
#include <vector>

namespace actord::state {

// Rows of nodes that are not in the catalog are dropped without a word: cleaning up goes by the node.
void update_coordinates(writing& w, const std::vector<coordinate_record>& batch);
void forget_coordinates(writing& w, std::string_view node);

} // namespace actord::state
