// Who has how many connections to a server of ours, by address; shared by its loops. And all servers of the process together leave a part
// of the descriptors to checks, gossip, other servers and files: where clients have most of them, only who has few gets more.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

namespace actord::net {

class client_counts {
public:
  // `descriptors`: of the process; 0: as the system says now.
  explicit client_counts(size_t descriptors = 0);
  ~client_counts();
  client_counts(const client_counts&) = delete;
  // One more of this address ("": a unix socket, which is not counted); false: it may have no more. `limit` 0: any number.
  bool enter(const std::string& ip, int limit);
  void leave(const std::string& ip);

private:
  static std::atomic<size_t> all_; // of the process
  const size_t enough_, most_;
  std::mutex mutex_;
  std::unordered_map<std::string, size_t> open_; // guarded by mutex_
};

} // namespace actord::net
