// Who has how many connections to a server of ours, by address and by household (household.hpp); shared by its loops. And all servers of the
// process together leave a part of the descriptors to checks, gossip, other servers and files: where clients have most of them, only who has few
// gets more.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

namespace actord::net {

class client_counts {
public:
  // A network of many hosts may share a household of IPv6, and each has the limit to itself: all together have so many times of it.
  static constexpr size_t most_of_household = 16;

  // `descriptors`: of the process; 0: as the system says now.
  explicit client_counts(size_t descriptors = 0);
  ~client_counts();
  client_counts(const client_counts&) = delete;
  // One more of this address ("": a unix socket, which is not counted); false: it may have no more. `limit` 0: any number.
  bool enter(const std::string& ip, int limit);
  void leave(const std::string& ip);

private:
  using counts = std::unordered_map<std::string, size_t>;
  static void down(counts& of, const std::string& key);
  static std::atomic<size_t> all_; // of the process
  const size_t enough_, most_;
  std::mutex mutex_;
  counts open_;         // by household; guarded by mutex_
  counts of_addresses_; // by address, of those that are only a part of their household; guarded by mutex_
};

} // namespace actord::net
