// Keys that nobody may lock yet, because the session that held them was invalidated (lock-delay). Which keys and for how
// long is replicated (table lock_delays), so that no restart forgets it. From when that counts is each server's own clock:
// from when it applied the session's end, or from its start when it found the record then. The leader looks before it
// proposes, so that apply stays deterministic. Longer than asked for is safe, shorter is not.
#pragma once
#include "storage/model/changes.hpp"
#include "storage/state/writing.hpp"
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace actord {

class lock_delays {
public:
  using clock = std::chrono::steady_clock;

  struct record {
    std::string key;
    nanos delay{0};
    uint64_t index = 0; // of the entry that ended the session
  };
  // The table as it is when a database takes the place of what was there. What is new here begins with begin().
  void found(const std::vector<record>& all);
  void begin(clock::time_point now);
  // What a batch of entries up to `index` changed; a delay of 0 was lifted.
  void note(const std::vector<released_lock>& released, uint64_t index, clock::time_point now);
  bool any() const { return count_.load(std::memory_order_acquire) > 0; } // cheap, for every command
  bool delayed(std::string_view key, clock::time_point now);
  // Those that are over, at most so many: their records can go.
  std::vector<record> over(clock::time_point now, size_t most);

private:
  struct held {
    nanos delay{0};
    uint64_t index = 0; // the session ended there or before
    bool begun = false;
    clock::time_point until{};
  };
  using table = std::map<std::string, held, std::less<>>;
  void start(table::iterator at, clock::time_point now);
  void forget(table::iterator at);
  std::mutex mutex_;
  table held_;                                                      // guarded by mutex_, as the next two
  std::set<std::pair<clock::time_point, std::string_view>> by_time_; // of those that have begun
  bool all_begun_ = true;
  std::atomic<size_t> count_{0};
};

namespace state {

void put_lock_delay(writing& w, const std::string& key, nanos delay);
// Forgets the key's record unless it is of after `upto`.
void lift_lock_delay(writing& w, std::string_view key, uint64_t upto);
std::vector<lock_delays::record> all_lock_delays(const lmdb::transaction& txn, const tables& t);

} // namespace state
} // namespace actord
