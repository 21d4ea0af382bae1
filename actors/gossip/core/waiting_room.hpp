// Strangers of whom only packets tell, until they answer a ping of ours where they are said to be. Bounded: when it is full, a
// newcomer takes the place of anybody. A number is asked with that nobody can guess, so that nobody else can answer.
#pragma once
#include "actors/gossip/core/allowance.hpp"
#include "actors/gossip/core/types.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include <functional>
#include <unordered_map>

namespace actord::gossip {

class waiting_room {
public:
  static constexpr size_t capacity = 1024;

  struct stranger {
    alive claim;
    sequence seq = 0;
    int asked = 0;
    nanos due{0}; // the next attempt, or the end
  };
  using asking = std::function<void(const stranger&)>;

  // How often somebody is asked, an interval apart.
  explicit waiting_room(int attempts) : attempts_(attempts) {}
  // Somebody says this. Who waits already at this address is told of once; a newer claim of it counts.
  void take(alive claim, prng& random, nanos now);
  // Asks those whose time has come, as far as the allowance goes, and shows out who had all attempts.
  void serve(nanos now, nanos interval, const asking& ask);
  // Who is asked with this number; null when nobody.
  const stranger* find(sequence seq) const;
  // It waits no longer.
  alive extract(sequence seq);
  void postpone(nanos by);
  nanos next_due() const { return next_due_; } // or earlier
  size_t size() const { return all_.size(); }

private:
  static std::string key_of(const alive& a);
  void erase(size_t at);

  int attempts_;
  std::vector<stranger> all_;
  text_map<size_t> by_key_;
  std::unordered_map<sequence, size_t> by_seq_;
  nanos next_due_ = nanos::max();
  allowance pings_{1024, 2000};
};

} // namespace actord::gossip
