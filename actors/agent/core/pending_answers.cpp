#include "actors/agent/core/pending_answers.hpp"

namespace actord::agent {

uint64_t pending_answers::add(const std::vector<catalog_change>& changes, bool journal, nanos now) {
  const uint64_t ticket = ++tickets_;
  waiting w;
  w.journal = journal;
  for_journal_ += journal;
  w.until = now + patience;
  if (away_since_.count() < 0 || now < away_since_ + patience)
    for (auto& c : changes) {
      key k{c.is_check, c.id};
      const bool fresh = keys_[k].emplace(c.number, ticket).second; // a change may be told twice
      if (fresh) w.missing.emplace(std::move(k), c.number);
    }
  w.catalog = !w.missing.empty();
  settle(waiting_.emplace_hint(waiting_.end(), ticket, std::move(w)));
  return ticket;
}

pending_answers::entries::iterator pending_answers::settle(entries::iterator it) {
  if (it->second.journal || it->second.catalog) return std::next(it);
  answers_.push_back({it->first, {}});
  return waiting_.erase(it);
}

void pending_answers::journal_synced(const error& failure) {
  for (auto it = waiting_.begin(); for_journal_ > 0 && it != waiting_.end();) {
    waiting& w = it->second;
    if (!w.journal) {
      ++it;
      continue;
    }
    --for_journal_;
    w.journal = false;
    if (failure.code == errc::none) {
      it = settle(it);
      continue;
    }
    stop_waiting_for_catalog(w, it->first);
    answers_.push_back({it->first, failure});
    it = waiting_.erase(it);
  }
}

void pending_answers::shown(const key& k, uint64_t upto) {
  auto at = keys_.find(k);
  if (at == keys_.end()) return;
  auto& all = at->second;
  while (!all.empty() && all.begin()->first <= upto) {
    const auto [number, ticket] = *all.begin();
    all.erase(all.begin());
    auto it = waiting_.find(ticket);
    it->second.missing.erase({k, number}); // one of ten thousand, for a service with as many checks
    it->second.catalog = !it->second.missing.empty();
    settle(it);
  }
  if (all.empty()) keys_.erase(at);
}

void pending_answers::catalog_has(const std::vector<catalog_change>& told) {
  if (keys_.empty()) return;
  for (auto& c : told) shown({c.is_check, c.id}, c.number);
}

void pending_answers::compared(const local_state& s) {
  std::vector<key> there;
  for (auto& [k, all] : keys_) {
    const auto& [is_check, id] = k;
    const bool pending = is_check ? s.dirty_checks.contains(id) || s.removed_checks.contains(id) : s.dirty_services.contains(id) || s.removed_services.contains(id);
    if (!pending) there.push_back(k);
  }
  for (auto& k : there) shown(k, UINT64_MAX);
}

void pending_answers::servers_there(bool yes, nanos now) {
  if (yes) away_since_ = nanos(-1);
  else if (away_since_.count() < 0) away_since_ = now;
}

void pending_answers::stop_waiting_for_catalog(waiting& w, uint64_t ticket) {
  for (auto& [k, number] : w.missing) {
    auto at = keys_.find(k);
    at->second.erase({number, ticket});
    if (at->second.empty()) keys_.erase(at);
  }
  w.missing.clear();
  w.catalog = false;
}

void pending_answers::tick(nanos now) {
  for (auto it = waiting_.begin(); it != waiting_.end() && it->second.until <= now;) {
    stop_waiting_for_catalog(it->second, it->first);
    it = settle(it);
  }
}

nanos pending_answers::next_deadline() const {
  for (auto& [ticket, w] : waiting_)
    if (w.catalog) return w.until;
  return nanos::max();
}

std::vector<pending_answers::answer> pending_answers::drain() { return std::exchange(answers_, {}); }

} // namespace actord::agent
