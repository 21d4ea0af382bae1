#include "actors/raft/core/membership.hpp"
#include <algorithm>
#include <set>

namespace actord::raft {

bool membership::is_voter(const server_id& id) const {
  return std::find(voters.begin(), voters.end(), id) != voters.end();
}

bool membership::contains(const server_id& id) const {
  return is_voter(id) || std::find(learners.begin(), learners.end(), id) != learners.end();
}

const std::pair<raft_index, membership>* configurations::at(raft_index at) const {
  for (auto it = known_.rbegin(); it != known_.rend(); ++it) {
    if (it->first <= at) return &*it;
  }
  return nullptr;
}

bool configurations::truncate(raft_index from) {
  bool changed = false;
  for (; !known_.empty() && known_.back().first >= from; changed = true) known_.pop_back();
  return changed;
}

void configurations::reset(std::optional<std::pair<raft_index, membership>> m) {
  known_.clear();
  if (m) known_.push_back(std::move(*m));
}

void configurations::compact(raft_index upto) {
  while (known_.size() > 1 && known_[1].first <= upto) known_.pop_front();
}

size_t voters_changed(const membership& from, const membership& to) {
  const auto lost = [](const membership& a, const membership& b) {
    return std::count_if(a.voters.begin(), a.voters.end(), [&](const server_id& id) { return !b.is_voter(id); });
  };
  return static_cast<size_t>(lost(from, to) + lost(to, from));
}

bool is_of_another_cluster(const membership& ours, const std::vector<server_id>& theirs) {
  return !ours.empty() && !theirs.empty() && std::none_of(theirs.begin(), theirs.end(), [&](const server_id& id) { return ours.contains(id); });
}

bool is_sound(const membership& m) {
  std::set<std::string_view> named;
  for (const auto* group : {&m.voters, &m.learners}) {
    for (const auto& id : *group) {
      if (id.empty() || !named.insert(id).second) return false;
    }
  }
  return !m.voters.empty();
}

} // namespace actord::raft
