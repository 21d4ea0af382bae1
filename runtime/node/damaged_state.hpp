// A start with a state that neither its own snapshots nor its own log can rebuild. A server that is alone does not start, and nothing
// is touched. A server of a cluster begins with an empty state and an empty log, which the others fill. It forgets what its log
// held beyond the state, too, so it counts for nothing until it has everything again (actors/raft/core/recovery.hpp); and until
// then its state is not whole: nothing is read from it.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"
#include "storage/raft_log/log_store.hpp"
#include "storage/state/store.hpp"
#include <memory>
#include <string>

namespace actord {

// The state in `data_dir`/state; `log` may be made anew, with these options. Their `full` is the state's as well.
result<std::unique_ptr<state_store>> open_state(const node_config& config, const std::string& data_dir, std::unique_ptr<log_store>& log, const log_options& o = {});
// Is this server by itself, by the newest configuration that it knows of?
bool is_alone(const node_config& config, const std::string& data_dir, const std::vector<stored_log_record>& members);

status note_incomplete(const std::string& data_dir, const std::string& why);
result<bool> is_incomplete(const std::string& data_dir);
void note_complete(const std::string& data_dir); // what was kept until then goes

} // namespace actord
