// The catalogue of commands. A command that is not here is unknown: nothing is answered by a stub.
#include "api/cli/commands/groups.hpp"

namespace actord::cli {

const std::vector<command>& command_table() {
  static const std::vector<command> all = [] {
    std::vector<command> table;
    for (auto* add : {add_local_commands, add_cluster_commands, add_agent_commands, add_monitor_command, add_maint_command, add_rtt_command, add_kv_commands,
                      add_catalog_commands, add_services_commands, add_watch_command, add_gossip_commands, add_lock_command, add_exec_command,
                      add_operator_commands})
      add(table);
    return table;
  }();
  return all;
}

} // namespace actord::cli
