// Prepared queries: by id, by name, by the prefix of a template (Consul's state/prepared_query.go in effect). One that is bound to a
// session goes with it.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/writing.hpp"

namespace actord::state {

// Run it inside an `attempt`.
status apply_query(writing& w, query_request r);
void end_queries_of_session(writing& w, std::string_view session);

} // namespace actord::state
