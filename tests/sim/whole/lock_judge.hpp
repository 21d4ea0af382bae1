// Sessions, and the locks that they hold, as the committed log says: a plain twin of what storage/state and actors/session do
// of them. It sees every committed entry in order, all clocks, and what lock clients were told; no server sees so much.
#pragma once
#include "runtime/base/duration.hpp"
#include "tests/sim/whole/run.hpp"
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace actord::sim::whole {

struct moment { // the world's time, and what every server's clock shows then
  uint64_t now = 0;
  std::array<int64_t, most_servers> clocks{};
};

// Who led first in which term, and when that was seen.
struct leader_seen {
  uint32_t slot = 0;
  moment since;
};
using leader_table = std::map<uint64_t, leader_seen>;

class lock_judge {
public:
  lock_judge(const leader_table& leaders, std::function<void(std::string)> fail) : leaders_(leaders), fail_(std::move(fail)) {}

  // What lock clients mark their sessions' ends with; the others are a session actor's.
  static constexpr std::string_view client_mark = "client";

  void committed(uint64_t index, uint64_t term, std::string_view bytes, const moment& at); // every entry, in order; "": no command
  void applied(uint32_t slot, uint64_t upto, uint64_t now);
  // A client was told that its session goes on. `sent`: when it asked, of the leader of `term`, who led all the while.
  void renewed(const std::string& id, const moment& sent, uint64_t term, const moment& answered);
  void asked(const std::string& id, uint64_t now); // to go on, of anybody
  // A client was told of an acquisition or a release that was sent at `sent`. Judged once that entry was seen.
  void told(uint64_t index, std::string_view key, const std::string& id, bool done, uint64_t sent);
  // Sessions whose time has been over for more than `slack`, though everything was well since `calm`: who, or "".
  std::string outlived(uint64_t now, uint64_t calm, uint64_t slack) const;

  bool exists(const std::string& id) const { return sessions_.contains(id); }
  size_t size() const { return sessions_.size(); }
  std::set<std::string> sessions() const;
  const std::string& holder_of(const std::string& key) const;
  std::set<std::string> keys() const;
  lock_counts counts;

private:
  struct session {
    nanos ttl{0}, delay{0};
    bool deletes = false;
    moment since;             // its time began again: it was made, or renewed
    uint64_t asked = 0;       // when somebody asked last to renew it
    std::set<std::string> held;
  };
  struct delay { // of a key whose holder's session has ended
    nanos length{0};
    uint64_t index = 0, term = 0, applied = 0; // applied: when the leader of that term had applied it; 0: not yet
    moment since;
  };
  struct lock_result {
    std::string key, session;
    bool done = false;
    uint64_t due_from = 0; // acquired before its delay was over, if it was asked for later than this; 0: it was not
    std::string why;
  };

  struct answer {
    std::string key, session;
    bool done = false;
    uint64_t sent = 0;
  };

  void command(uint64_t index, uint64_t term, std::string_view bytes, const moment& at);
  void compare(uint64_t index, const answer& a);
  void made(std::string_view body, const moment& at);
  void ended(const std::string& id, uint64_t index, uint64_t term, const moment& at);
  void judge_expiry(const std::string& id, const session& s, uint64_t term, const moment& at);
  void key_command(std::string_view body, uint64_t index, uint64_t term, const moment& at);
  void acquired(lock_result& r, uint64_t term, const moment& at);
  void delays_reaped(std::string_view body, uint64_t term, const moment& at);

  const leader_table& leaders_;
  std::function<void(std::string)> fail_;
  std::set<std::string> nodes_;
  std::map<std::string, session> sessions_;
  std::map<std::string, std::string> holders_; // by key
  std::map<std::string, delay> delays_;        // by key
  std::map<uint64_t, lock_result> results_;    // by index
  uint64_t seen_ = 0;                          // the last index
  std::multimap<uint64_t, answer> unseen_;     // answers, by index
};

} // namespace actord::sim::whole
