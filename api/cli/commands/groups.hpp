// One function for each file of commands; each appends its rows to the table.
#pragma once
#include "api/cli/command.hpp"

namespace actord::cli {

using command_list = std::vector<command>;

void add_local_commands(command_list& to);    // agent, version, validate, keygen
void add_cluster_commands(command_list& to);  // cluster init, cluster join
void add_agent_commands(command_list& to);    // members, info, join, force-leave, leave, reload
void add_monitor_command(command_list& to);
void add_maint_command(command_list& to);
void add_rtt_command(command_list& to);
void add_kv_commands(command_list& to);
void add_catalog_commands(command_list& to);
void add_services_commands(command_list& to);
void add_watch_command(command_list& to);
void add_gossip_commands(command_list& to); // keyring, event
void add_lock_command(command_list& to);
void add_exec_command(command_list& to);
void add_operator_commands(command_list& to); // operator raft …
void add_autopilot_commands(command_list& to); // operator autopilot …; called by the one before

} // namespace actord::cli
