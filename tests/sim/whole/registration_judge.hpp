// What one client agent shows of its registrations and TTL checks must be explained by what its programs asked for and were told:
// a plain twin of actors/agent. What was acknowledged stays, over restarts too; a TTL check is critical when its time is over, and
// not before. Times are of the agent's own clock.
#pragma once
#include "actors/agent/agent_board.hpp"
#include "runtime/base/duration.hpp"
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace actord::sim::whole {

struct registrar_call {
  enum class kind : uint8_t { service, check, beat } what = kind::service;
  std::string id;       // of the service or the check
  uint64_t version = 0; // service, check: 0 takes it away; a service's port, a check's notes
  std::string status;   // beat
};

struct local_times {
  int64_t nanos = 0, unix = 0;
};

struct agent_counts {
  uint64_t registrations = 0, removals = 0, beats = 0, expiries = 0, kept_states = 0;
};

class registration_judge {
public:
  explicit registration_judge(std::function<void(std::string)> fail) : fail_(std::move(fail)) {}

  void asked(const registrar_call& c, local_times at); // one at a time
  void told(bool done, local_times at);
  void died(local_times at);                          // whatever was under way may have been done
  void began(const agent_board& shown, local_times started, local_times at);
  // `on_time`: the agent has had time to do what is due.
  void look(const agent_board& shown, local_times at, bool on_time);
  agent_counts counts;

  // A service's check is there with it.
  static std::string check_of(const std::string& service) { return "service:" + service; }
  static std::chrono::seconds ttl_of(const std::string& check); // every check has always the same
  static bool is_checked(const std::string& service);

private:
  struct beat { // that may have been the last
    std::string status;
    int64_t first_expiry = 0, last_expiry = 0; // Unix seconds until which its state is worth something
  };
  struct ttl_check {
    std::vector<beat> may; // empty: critical from the start
    int64_t earliest = 0, latest = 0; // when the last beat's time is over
    std::string shown;
  };
  using versions = std::map<std::string, std::set<uint64_t>>; // by id; without 0 only what is there for sure

  void compare(const agent_board& shown, bool collapse);
  void renew(const std::string& check, local_times at);
  void forget(const std::string& check, bool surely);
  void checks_change(const registrar_call& c, bool surely, local_times at);

  std::function<void(std::string)> fail_;
  versions services_, checks_;
  std::map<std::string, ttl_check> ttls_;
  std::optional<registrar_call> under_way_;
  local_times asked_at_;
};

} // namespace actord::sim::whole
