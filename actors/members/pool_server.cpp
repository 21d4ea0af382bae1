#include "actors/members/pool_server.hpp"
#include "actors/members/core/agent_tags.hpp"

namespace actord::members {

pool_server server_by_id(const std::shared_ptr<const pool_board>& pool, std::string_view id) {
  pool_server out;
  if (!pool) return out;
  const auto view = pool->look();
  for (auto& m : view->members) {
    const auto tag = m.tags.find("id");
    if (tag == m.tags.end() || tag->second != id || !is_server(m.tags)) continue;
    const auto &build = m.tags.at("build"), raft = m.tags.contains("raft_vsn") ? m.tags.at("raft_vsn") : "";
    out.version = build.substr(0, build.find(':'));
    out.raft_protocol = raft;
    out.status = m.status;
  }
  return out;
}

std::string_view status_text(member_status s) {
  static constexpr std::string_view words[] = {"none", "alive", "leaving", "left", "failed"};
  const auto n = static_cast<size_t>(s);
  return n < std::size(words) ? words[n] : "unknown";
}

} // namespace actord::members
