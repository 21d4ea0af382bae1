// Blocked queries of one loop. Requests for the same thing (path and parameters, but for index, wait and what only
// affects headers) form a group: one watch, one computation per change, one encoded answer for all of them.
#pragma once
#include "actors/messages/messages.hpp"
#include "api/http/connection.hpp"
#include "api/http/read.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/portions.hpp"
#include <deque>
#include <unordered_map>

namespace actord::http {

struct query_group {
  struct waiter {
    connection* who = nullptr; // it leaves before it dies
    uint64_t min_index = 0;
    net::timer_id deadline = 0;
  };
  std::string key;
  std::shared_ptr<const bound_read> read;
  uint64_t watch_id = 0;   // 0: no watch is set
  uint64_t job = 0;        // its answer is made elsewhere; 0: it is not
  uint64_t last_index = 0; // the answer's, when the watch was set
  std::vector<waiter> waiters;
};

// A group's answer, made anew.
struct front_rerun {
  response out;
  uint64_t index = 0;
  bool failed = false, too_long = false; // the latter: it stopped, and is to be made elsewhere
  std::vector<topic> topics;
  raft_index seen;
};

class query_groups {
public:
  query_groups(front& f, net::io_loop& loop);

  // Parks the connection without computing anything, when it can only learn what the group knows already.
  bool join(const std::string& key, uint64_t min_index, connection& c, nanos wait);
  // Parks it in the group, which is made (with `read`, that it keeps) when absent. `index` and `topics` are those of a view at `seen`.
  void park(const std::string& key, const bound_read& read, uint64_t index, std::vector<topic>& topics, raft_index seen, uint64_t min_index, connection& c, nanos wait);
  void leave(connection& c);
  void fired(const watch_fired& m);
  void recomputed(const std::string& key, uint64_t job, front_rerun outcome); // elsewhere
  void clear();
  size_t parked() const { return parked_; }

private:
  struct answer_due {
    std::weak_ptr<connection> who;
    uint64_t serial;
    std::shared_ptr<encoded_answer> answer;
  };
  struct due_group { // may have to be computed again
    std::string key;
    uint64_t job;
  };
  struct late_waiter { // whose time is over
    std::weak_ptr<connection> who;
    uint64_t serial;
  };
  query_group& group_of(const std::string& key, const bound_read& read);
  void add(query_group& g, connection& c, uint64_t min_index, nanos wait);
  void remove_at(query_group& g, size_t at);
  void watch(query_group& g, std::vector<topic>& topics, raft_index seen);
  void drop_if_empty(query_group& g);
  void look_again(const due_group& due);
  void answer_group(query_group& g, front_rerun outcome);
  void timed_out(connection* c);
  void answer_some();

  front& front_;
  text_map<std::unique_ptr<query_group>> groups_;
  std::unordered_map<uint64_t, query_group*> by_watch_;
  std::deque<answer_due> answering_;
  net::portions<due_group> due_;
  net::portions<late_waiter> late_;
  uint64_t next_watch_ = 1, next_job_ = 1;
  size_t parked_ = 0;
};

} // namespace actord::http
