// Which commands may be written: those that all servers read (core/command_levels). What they read they say in their hello; of one that is
// not connected gossip knows it.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "storage/command/row.hpp"
#include "storage/state/store.hpp"
#include <algorithm>

namespace actord {

raft::command_reader raft_state::reader_of(const server_id& id) const {
  if (id == core_->self()) return {setup_.hello.name, setup_.hello.command_level};
  if (const auto seen = seen_.find(id); seen != seen_.end()) return {seen->second.hello.name, seen->second.hello.command_level};
  raft::command_reader out{id, 0};
  for (auto& f : found_)
    if (f.server.id == id && (out.level == 0 || f.server.alive)) out = {f.server.name, f.server.command_level};
  return out;
}

void raft_state::note_levels() {
  const auto& members = core_->members();
  std::vector<raft::command_reader> servers;
  if (!members.contains(core_->self())) servers.push_back(reader_of(core_->self()));
  for (const auto* group : {&members.voters, &members.learners})
    for (auto& id : *group) servers.push_back(reader_of(id));
  if (levels_.set(std::move(servers))) log::info("agent.server.raft", "commands are written up to what all servers read: level={} servers=\"{}\"", levels_.level(), levels_.text());
}

// Also where it would be passed on: a leader of before this rule does not look.
bool raft_state::refused_as_unreadable(std::string_view command, origin& o) {
  if (command.empty() || broken(rule::oldest_reads_all)) return false;
  const auto* row = row_of(command);
  if (row != nullptr && row->level <= levels_.level()) {
    if (core_->is_leader()) written_level_ = std::max(written_level_, row->level);
    return false;
  }
  apply_result refused;
  refused.failure.code = errc::internal; // nothing was written
  if (row != nullptr) refused.failure.text = *levels_.refusal(row->name, row->level);
  else refused.failure.text = "server \"" + setup_.hello.name + "\" does not know command " + std::to_string(static_cast<unsigned char>(command[0])) +
                              ": bring it to the version of the server that was asked, and try again";
  finish(o, std::move(refused));
  return true;
}

// It could not read what it would be sent.
bool raft_state::is_too_old(const server_id& id, const server_hello& hello) {
  const auto used = std::max(written_level_, states_->command_level());
  if (hello.command_level >= used || broken(rule::old_stay_out)) return false;
  if (too_old_.insert(id).second)
    log::warn("agent.server", "a server is too old for this cluster and not added to it; bring it to the version of the others: server={} address={} reads_level={} used_level={}",
              hello.name, hello.address, hello.command_level, used);
  return true;
}

} // namespace actord
