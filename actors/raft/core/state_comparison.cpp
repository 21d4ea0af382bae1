#include "actors/raft/core/state_comparison.hpp"
#include "actors/raft/core/quorum.hpp"
#include <algorithm>

namespace actord::raft {

namespace {

// Who has which digest at one index.
std::map<uint64_t, std::vector<server_id>> holders_at(raft_index index, const membership& members, const std::map<server_id, std::vector<digest_point>>& said) {
  std::map<uint64_t, std::vector<server_id>> out;
  for (auto& [id, points] : said) {
    if (!members.is_voter(id)) continue;
    auto at = std::find_if(points.begin(), points.end(), [&](auto& p) { return p.index == index; });
    if (at != points.end()) out[at->value].push_back(id);
  }
  return out;
}

} // namespace

comparison compare(const membership& members, const server_id& self, const std::vector<digest_point>& own, const std::map<server_id, std::vector<digest_point>>& said) {
  auto points = own;
  std::sort(points.begin(), points.end(), [](auto& a, auto& b) { return a.index > b.index; });
  const auto others = [&] {
    auto copy = said;
    copy.erase(self);
    return copy;
  }();
  comparison out;
  const auto majority = majority_of(members.voters.size());
  for (auto& p : points) {
    const auto holders = holders_at(p.index, members, others);
    const auto same = holders.find(p.value);
    if (same != holders.end() && same->second.size() + members.is_voter(self) >= majority) {
      if (out.found != agreement::disputed) out = {agreement::agrees, p.index, p.value, p.value, same->second};
      return out; // older points tell nothing of what came between
    }
    for (auto& [value, who] : holders) {
      if (value == p.value) continue;
      if (who.size() >= majority) return {agreement::differs, p.index, p.value, value, who};
      if (out.found != agreement::disputed) out = {agreement::disputed, p.index, p.value, value, who};
    }
  }
  return out;
}

bool comparison_plan::due(int64_t now, raft_index applied) const {
  if (applied.v == 0) return false;
  if (!begun_) return true;
  const auto waited = now - *begun_;
  if (waited < options_.shortest_ms) return false;
  if (reason_ || applied.v / options_.every != applied_.v / options_.every) return true;
  return waited >= options_.interval_ms && (!settled_ || applied != applied_);
}

void comparison_plan::begin(int64_t now, raft_index applied) {
  begun_ = now;
  applied_ = applied;
  reason_ = settled_ = false;
}

} // namespace actord::raft
