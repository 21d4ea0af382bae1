// The id of a server whose file node-id is missing or empty. To the others, and to itself, a server is its id: with a new one the
// only server of a cluster never leads again, and one of several is a stranger with another's log.
#pragma once
#include "runtime/config/node_config.hpp"
#include "runtime/base/error.hpp"
#include <string>

namespace actord {

// Takes it from the members that the Raft log names: who alone has our address, or the only one where we are to be alone. Where that says
// nothing, a missing file is made anew, as by Consul, and an empty one is refused later; both are told in `warnings`.
status recover_id(const node_config& config, const std::string& data_dir, string_list& warnings);

} // namespace actord
