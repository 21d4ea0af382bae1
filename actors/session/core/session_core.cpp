#include "actors/session/core/session_core.hpp"
#include <algorithm>
#include <set>

namespace actord::session {

void session_core::place(const std::string& id, timer& t, nanos until) {
  by_time_.erase({t.until, id}); // a new leader gives all of them the same time, so that is not enough to find one
  t.until = until;
  by_time_.emplace(until, id);
}

void session_core::observe(const std::vector<timed_session>& all, nanos now) {
  std::set<std::string_view> there;
  for (auto& s : all) {
    there.insert(s.id);
    auto [at, fresh] = all_.try_emplace(s.id);
    if (!fresh && at->second.ttl == s.ttl) continue;
    at->second.ttl = s.ttl;
    if (!at->second.ending) place(s.id, at->second, now + ttl_multiplier * s.ttl);
  }
  std::erase_if(by_time_, [&](auto& e) { return !there.contains(e.second); });
  std::erase_if(all_, [&](auto& e) { return !there.contains(e.first); });
}

void session_core::renewed(std::string_view id, nanos now) {
  auto at = all_.find(id);
  if (at == all_.end()) return;
  at->second.renewed = now;
  at->second.retry = nanos(0);
  if (at->second.ending) return; // too late, unless its end cannot be written
  place(at->first, at->second, now + ttl_multiplier * at->second.ttl);
}

void session_core::forget_all() {
  all_.clear();
  by_time_.clear();
}

std::vector<std::string> session_core::expired(nanos now) {
  std::vector<std::string> out;
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    out.push_back(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
    auto& t = all_.find(out.back())->second;
    t.ending = true;
    t.renewed = nanos(0);
  }
  return out;
}

void session_core::failed(std::string_view id, nanos now) {
  auto at = all_.find(id);
  if (at == all_.end() || !at->second.ending) return;
  auto& t = at->second;
  t.ending = false;
  t.retry = std::clamp(t.retry * 2, least_retry, longest_retry);
  place(at->first, t, std::max(now + t.retry, t.renewed + ttl_multiplier * t.ttl));
}

nanos session_core::next_deadline() const { return by_time_.empty() ? nanos::max() : by_time_.begin()->first; }

} // namespace actord::session
