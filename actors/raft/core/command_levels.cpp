#include "actors/raft/core/command_levels.hpp"
#include <algorithm>

namespace actord::raft {

namespace {
unsigned counted(const command_reader& r) { return std::max(1U, r.level); }
} // namespace

bool command_levels::set(std::vector<command_reader> servers) {
  servers_ = std::move(servers);
  const auto oldest = std::min_element(servers_.begin(), servers_.end(), [](auto& a, auto& b) { return counted(a) < counted(b); });
  const auto was = level_;
  level_ = oldest == servers_.end() ? 1 : counted(*oldest);
  return level_ != was;
}

std::optional<std::string> command_levels::refusal(std::string_view command, unsigned level) const {
  if (level <= level_) return {};
  std::string who;
  for (auto& s : servers_) {
    if (counted(s) >= level) continue;
    who += (who.empty() ? "server \"" : ", server \"") + s.name + "\" " +
           (s.level == 0 ? "has not been heard of since this server started" : "reads level " + std::to_string(s.level));
  }
  return "a command \"" + std::string(command) + "\" is not written before all servers can read it (level " + std::to_string(level) +
         " of the log's commands): " + (who.empty() ? "no server of the cluster is known" : who) +
         "; bring each of them to a version that reads it, or remove it from the cluster, and try again";
}

std::string command_levels::text() const {
  std::string out;
  for (auto& s : servers_) out += (out.empty() ? "" : " ") + s.name + ":" + (s.level == 0 ? "?" : std::to_string(s.level));
  return out;
}

} // namespace actord::raft
