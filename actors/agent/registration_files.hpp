// The agent's part of the data directory in Consul's layout, so that Consul reads ours and we read Consul's:
//   services/<md5 of the id>       {"Token","Service","Source","LocallyRegisteredAsSidecar"?}
//   checks/<md5 of the id>         {"Check","ChkType","Token","Source"}
//   checks/state/<md5 of the id>   {"CheckID","Output","Status","Expires"}
// and of ours `agent-journal.v2.<n>`: the same writes in the order in which they were acknowledged (journal.hpp).
#pragma once
#include "actors/agent/core/local_state.hpp"
#include "actors/agent/journal.hpp"
#include <set>

namespace actord::agent {

std::string service_path(std::string_view id);
std::string check_path(std::string_view id);
std::string check_state_path(std::string_view id);

std::string service_file(const local_service& s);
std::string check_file(const local_check& c);
std::string check_state_file(const health_check& c, int64_t expires);

// Each file whole or not at all (a temporary name, then rename), then all of them synced. Leaves in `changes` what is not on the
// disk when it returns; the error, which names the path, is that of the first of them.
status write_durably(const std::string& data_dir, std::vector<file_change>& changes);

// What was found beside what could be restored.
struct restored_files {
  std::vector<file_change> obsolete;            // to be removed, or to be under another name, once the agent runs
  std::set<std::string, std::less<>> unusable;  // paths of services and checks that do not parse: they stay, and what they were is not known
};
// What the directory holds, and `pending` with it, is put into `state`; nothing on the disk is touched. Files that do not parse are
// logged and skipped, as Consul does. An error: something could not be read, and the agent must not run as if it were not there.
// Each after what the configuration has of its kind was added; a configured check may be of a service that was kept.
status restore_services(const std::string& data_dir, const pending_files& pending, local_state& state, restored_files& out);
status restore_checks(const std::string& data_dir, const pending_files& pending, local_state& state, nanos now, int64_t unix_now, restored_files& out);

} // namespace actord::agent
