// The router of a client agent: what a server's Raft actor does for its fronts and its agent, done by calls to servers.
//
// Owns: commands that wait for their turn. Talks to: the RPC client. Spawned by: boot. Dies with the supervisor's exit
// message. Timers: none. Flooded: at most `most_calls` commands are under way, the rest waits in order.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/command/commands.hpp"
#include <caf/actor_system.hpp>

namespace actord {

router_handle spawn_client_router(caf::actor_system& system, rpc_handle rpc, std::string datacenter);

// A command (encode_command) as a call.
struct command_call {
  rpc_call call; // "KVS.Apply" and its arguments; the method is empty for a command that no client sends
  command_kind kind = command_kind::kv;
  bool conditional = false; // its reply says whether it was done
  std::string subject;      // of a renewal: the session
};
command_call call_of_command(std::string_view command, const std::string& datacenter);
// What its reply says, for whoever proposed it.
apply_result result_of_reply(const command_call& c, const rpc_answer& a);

} // namespace actord
