// When sessions with a TTL end: the leader gives each twice its TTL from when it was made or last renewed (Consul's
// session_ttl.go in effect; the TTL is a promise of the least time). A new leader gives all of them their whole time again.
#pragma once
#include "runtime/base/duration.hpp"
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace actord::session {

inline constexpr int ttl_multiplier = 2;
inline constexpr nanos least_retry = std::chrono::seconds(1), longest_retry = std::chrono::seconds(60);

struct timed_session {
  std::string id;
  nanos ttl{0};
};

class session_core {
public:
  // All sessions with a TTL, as they are now: new ones begin their time, gone ones are forgotten.
  void observe(const std::vector<timed_session>& all, nanos now);
  void renewed(std::string_view id, nanos now); // an unknown one is of no interest
  void forget_all();
  // Those whose time is over; each is told once, until failed() says that it is still there.
  std::vector<std::string> expired(nanos now);
  void failed(std::string_view id, nanos now); // its end could not be written: tried again, less and less often
  nanos next_deadline() const;                 // nanos::max() when nothing is timed
  size_t size() const { return all_.size(); }

private:
  struct timer {
    nanos ttl{0}, until{0}, retry{0};
    nanos renewed{0}; // last; 0: not since it was about to end
    bool ending = false;
  };
  void place(const std::string& id, timer& t, nanos until);
  std::map<std::string, timer, std::less<>> all_;
  std::set<std::pair<nanos, std::string>> by_time_; // of those that are not ending
};

} // namespace actord::session
