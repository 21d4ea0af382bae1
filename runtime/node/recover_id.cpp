#include "runtime/node/recover_id.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/files.hpp"
#include "runtime/config/node_id.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <fmt/format.h>

namespace actord {

namespace {

std::string id_by_log(const node_config& config, const std::string& raft_folder) {
  const auto vote = read_vote(raft_folder);
  if (!vote || !*vote || (*vote)->members.empty()) return {};
  const auto newest = raft::decode_membership((*vote)->members.back().payload);
  if (!newest) return {};
  std::string found;
  for (auto& [id, address] : newest->addresses) {
    if (address != config.rpc_advertise.host_port() || !newest->contains(id)) continue;
    if (!found.empty()) return {}; // whoever wrote that down, one of the two is somebody else's
    found = id;
  }
  if (!found.empty()) return found;
  return config.bootstrap && newest->voters.size() == 1 && newest->learners.empty() ? newest->voters.front() : std::string();
}

} // namespace

status recover_id(const node_config& config, const std::string& data_dir, string_list& warnings) {
  if (!config.server || !config.node_id.empty()) return {};
  const auto state = node_id_file(data_dir);
  if (!state || *state == node_id_state::there) return {}; // what is wrong with it is told by who reads it
  const auto log = is_file(data_dir + "/raft/data.mdb");
  if (log && !*log) return {};
  const auto path = data_dir + "/node-id";
  const char* what = *state == node_id_state::blank ? "empty" : "missing";
  const auto id = id_by_log(config, data_dir + "/raft");
  if (is_uuid(id)) {
    warnings.push_back(fmt::format("The node ID file is {}; the ID by which the Raft log knows this server was put back: file={} id={}", what, path, id));
    return replace_file(path, id);
  }
  if (*state == node_id_state::absent)
    warnings.push_back(fmt::format("The node ID file is missing although there is a Raft log, which does not tell what it was; a new ID is made, so to the other servers this is "
                                   "a new one with the address and the log of another: file={}", path));
  return {};
}

} // namespace actord
