// Who waits until a service of this agent looks different: by when their time is up and by service, so that a message to the agent costs no walk
// over all of them.
#pragma once
#include "runtime/base/duration.hpp"
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace actord::agent {

// A waiter is known by a number that the caller gives; what belongs to it (a promise) stays there.
class service_waiters {
public:
  // Beyond so many, those whose time is up first are told to ask again. Who has gone is among them: nobody tells us of that.
  explicit service_waiters(size_t most) : most_(most) {}

  void add(uint64_t number, std::string id, std::string hash, nanos until) {
    const auto k = std::pair(until, number);
    of_service_[id].insert(k);
    waiting_.emplace(k, waiter{std::move(id), std::move(hash)});
  }
  bool waits_for(const std::string& id) const { return of_service_.contains(id); }
  nanos next_deadline() const { return waiting_.empty() ? nanos::max() : waiting_.begin()->first.first; }
  size_t size() const { return waiting_.size(); }

  // Those taken out: whose time is up, or who are too many; and who wait for a service with another hash ("": it is gone).
  std::vector<uint64_t> take_over(nanos now) {
    std::vector<uint64_t> out;
    while (!waiting_.empty() && (waiting_.begin()->first.first <= now || waiting_.size() > most_)) out.push_back(take(waiting_.begin()->first));
    return out;
  }
  std::vector<uint64_t> take_changed(const std::string& id, const std::string& hash) {
    std::vector<uint64_t> out;
    auto it = of_service_.find(id);
    if (it == of_service_.end()) return out;
    for (const auto& k : std::set(it->second))
      if (hash.empty() || waiting_.at(k).hash != hash) out.push_back(take(k));
    return out;
  }

private:
  using key = std::pair<nanos, uint64_t>;
  struct waiter {
    std::string id, hash;
  };
  uint64_t take(key k) {
    auto node = waiting_.extract(k);
    auto it = of_service_.find(node.mapped().id);
    it->second.erase(k);
    if (it->second.empty()) of_service_.erase(it);
    return k.second;
  }
  size_t most_;
  std::map<key, waiter> waiting_;
  std::map<std::string, std::set<key>, std::less<>> of_service_;
};

} // namespace actord::agent
