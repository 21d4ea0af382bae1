// A start with a damaged Raft log. What a majority acknowledged is not dropped in silence: a server of a cluster goes on with what its
// state holds, counts for nothing until the others gave it the rest (actors/raft/core/recovery.hpp), and says so; a server that
// is alone starts only if nothing is missing.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"
#include "storage/raft_log/log_store.hpp"
#include <memory>
#include <string>

namespace actord {

// The log in `data_dir`/raft, made anew where it is damaged and that is safe, and where the last process met a fault inside of it. On trial
// (log_options) until open_state() has found that the two fit.
result<std::unique_ptr<log_store>> open_log(const node_config& config, const std::string& data_dir, const log_options& o = {});
// One that opens, and ends before what the state had applied: a file of before in its place, say. Made anew where that is safe.
result<std::unique_ptr<log_store>> replace_short_log(const node_config& config, const std::string& data_dir, std::unique_ptr<log_store> log, raft_index applied, const log_options& o = {});
// Of such a log, where the state cannot be trusted either: to be asked before what is left of it goes, for it is all that says so. A server that
// is alone does not go on without an operator's word; another one does as one that forgot, from now on.
status admit_short_log(const node_config& config, const std::string& data_dir, const log_store& log, raft_index applied);
// An operator's word (raft/discard-damaged-log) is for the damage at hand, not for one that comes years later: once log and state fit it goes.
void withdraw_consent(const std::string& data_dir);
// The file by which a process that met such a fault tells the next one, and how it does while it can.
std::string log_fault_mark(const std::string& data_dir);
void note_log_fault(const std::string& data_dir, const std::string& what);
// The file that says that this server's log is not whole again yet; "" when it is. An error: nobody can tell.
result<std::string> recovery_mark(const std::string& data_dir);
status mark_recovering(const std::string& data_dir, const std::string& why);

} // namespace actord
