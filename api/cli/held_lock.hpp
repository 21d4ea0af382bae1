// A lock or a semaphore in KV, laid out as Consul's Go client does, so that holders of both kinds of client exclude each
// other: a lock is one key that its session owns; a semaphore is `<prefix>/.lock`, a list of holders changed by
// compare-and-set, beside one key per contender whose session says whether it lives.
#pragma once
#include "api/cli/kv_access.hpp"

namespace actord::cli {

struct lock_wish {
  std::string prefix;      // "/"-free at its ends
  std::string session_name;
  int64_t holders = 1;     // more than one: a semaphore
  nanos timeout{0};        // 0: wait for ever
  int64_t monitor_retries = 3;
};

class held_lock {
public:
  static std::unique_ptr<held_lock> make(lock_wish wish);
  virtual ~held_lock() = default;

  // False: not in time, or `stop` was set. Blocks; to stop at once, interrupt the client as well.
  virtual result<bool> acquire(kv_access& kv, const std::string& session, const std::atomic<bool>& stop) = 0;
  // Returns when it is lost, or cannot be seen any more.
  void await_loss(kv_access& kv, const std::string& session, const std::atomic<bool>& stop) const;
  virtual status release(kv_access& kv, const std::string& session) = 0;
  // Removes what is left in KV when nobody uses it; errc::conflict when somebody does.
  virtual status clean(kv_access& kv) = 0;
  virtual std::string session_spec() const = 0;

protected:
  explicit held_lock(lock_wish wish) : wish_(std::move(wish)) {}
  // Is it ours in this view? nothing: the view makes no sense.
  virtual bool ours(const kv_look& look, const std::string& session) const = 0;
  virtual result<kv_look> look(kv_access& kv, const kv_wait& wait) const = 0;
  lock_wish wish_;
};

} // namespace actord::cli
