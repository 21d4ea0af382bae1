// The autopilot configuration: one record.
#pragma once
#include "storage/command/commands.hpp"
#include "storage/state/writing.hpp"
#include <optional>

namespace actord::state {

std::optional<autopilot_config> autopilot_find(const lmdb::transaction& txn, const tables& t);
// False when the expected index is not that of the configuration that is there.
bool autopilot_set(writing& w, const autopilot_request& r);

} // namespace actord::state
