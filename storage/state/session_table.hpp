// Sessions: what they depend on, what they hold, how they end (Consul's state/session.go in effect). A session ends when it
// is destroyed, its node goes, or one of its checks goes or becomes critical; its keys are then released or deleted.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/session.hpp"
#include "storage/state/writing.hpp"
#include <optional>

namespace actord::state {

// What the index of ids says of what can be none, "index error: …"; "" of what could be one.
std::string id_fault(std::string_view id);
// The text that Consul's lookup gives for what is no session id; success for what could be one.
status check_session_id(std::string_view id);

// Fails without a node or a check, or with a critical one. Run it inside an `attempt`.
status create_session(writing& w, session_record s);
status destroy_session(writing& w, std::string_view id); // an absent one is no failure
// What ends them: a check that is critical or gone, a node that is gone.
void end_sessions_of_check(writing& w, std::string_view node, std::string_view check_id);
void end_sessions_of_node(writing& w, std::string_view node);

std::optional<session_record> find_session(const lmdb::transaction& txn, const tables& t, std::string_view id);

} // namespace actord::state
