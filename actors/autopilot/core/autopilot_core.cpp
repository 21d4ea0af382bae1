#include "actors/autopilot/core/autopilot_core.hpp"
#include <algorithm>

namespace actord::autopilot {

int64_t tolerance(int64_t voters, int64_t live) { return live - (voters / 2 + 1); }

void autopilot_core::unknown() {
  view_.known = false;
  next_.reset();
}

void autopilot_core::observe(int64_t now_ms, int64_t unix_seconds, const autopilot_config& config, std::span<const server_fact> servers, bool leading) {
  next_.reset();
  auto leader = std::find_if(servers.begin(), servers.end(), [](auto& s) { return s.leader; });
  if (leader == servers.end()) return unknown();
  view_ = {};
  view_.known = true;
  view_.leader = leader->id;
  for (auto& s : servers) {
    auto& health = view_.servers.emplace_back();
    static_cast<server_fact&>(health) = s;
    assess(health, *leader, now_ms, unix_seconds, config);
  }
  std::erase_if(tracks_, [&](auto& t) { return std::none_of(servers.begin(), servers.end(), [&](auto& s) { return s.id == t.first; }); });
  count();
  if (leading && !under_way_ && now_ms >= not_before_ms_) next_ = wanted(now_ms, config);
}

void autopilot_core::assess(server_health& s, const server_fact& leader, int64_t now_ms, int64_t unix_seconds, const autopilot_config& config) {
  auto [at, fresh] = tracks_.try_emplace(s.id);
  auto& t = at->second;
  if (fresh) t.silent_since_ms = now_ms;
  if (s.last_contact_ms >= 0) t.silent_since_ms = now_ms - s.last_contact_ms;
  s.alive = s.leader || now_ms - t.silent_since_ms < options_.dead_after_ms;
  const auto threshold = config.last_contact_threshold.count() / 1'000'000 + options_.heartbeat_ms;
  const bool heard = s.leader || (s.last_contact_ms >= 0 && s.last_contact_ms <= threshold);
  s.healthy = s.alive && heard && s.last_term == leader.last_term && s.last_index + std::min(config.max_trailing_logs, UINT64_MAX - s.last_index) >= leader.last_index;
  if (fresh || t.healthy != s.healthy) {
    t.healthy = s.healthy;
    t.since_ms = now_ms;
    t.since_unix = unix_seconds;
  }
  s.stable_since = t.since_unix;
}

void autopilot_core::count() {
  int64_t voters = 0, healthy = 0;
  view_.healthy = true;
  for (auto& s : view_.servers) {
    view_.healthy = view_.healthy && s.healthy;
    voters += s.voter;
    healthy += s.voter && s.healthy;
  }
  view_.failure_tolerance = std::max<int64_t>(0, tolerance(voters, healthy));
}

std::optional<change> autopilot_core::wanted(int64_t now_ms, const autopilot_config& config) const {
  const auto stabilization_ms = config.server_stabilization_time.count() / 1'000'000;
  for (auto& s : view_.servers)
    if (!s.voter && !s.never_votes && s.healthy && now_ms - tracks_.at(s.id).since_ms >= stabilization_ms)
      return change{action::promote, s.id, s.address, "it has been healthy for long enough"};
  return config.cleanup_dead_servers ? dead_server(config) : std::nullopt;
}

std::optional<change> autopilot_core::dead_server(const autopilot_config& config) const {
  int64_t voters = 0, dead = 0;
  const server_health* first = nullptr;
  for (auto& s : view_.servers) {
    if (!s.voter && !s.alive) return change{action::remove, s.id, s.address, "it is dead and has no vote"};
    if (!s.voter) continue;
    ++voters;
    if (s.alive) continue;
    ++dead;
    if (!first) first = &s;
  }
  const auto live = voters - dead;
  const bool minority = dead <= (voters - 1) / 2;
  const bool enough = static_cast<uint64_t>(live) >= config.min_quorum;
  if (!first || !minority || !enough || tolerance(live, live) <= tolerance(voters, live)) return {};
  return change{action::remove, first->id, first->address, "it is dead, and others have taken its place"};
}

std::optional<change> autopilot_core::drain() {
  auto out = std::move(next_);
  next_.reset();
  under_way_ = under_way_ || out.has_value();
  return out;
}

void autopilot_core::changed(int64_t now_ms, bool done) {
  under_way_ = false;
  not_before_ms_ = done ? now_ms : now_ms + options_.retry_ms;
}

} // namespace actord::autopilot
