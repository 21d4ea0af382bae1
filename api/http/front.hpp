// One loop's HTTP front: its connections, what they share (parse scratch, answer cache, blocked queries), and the
// writes that wait for Raft. Everything in here runs in the loop's thread.
#pragma once
#include "api/http/answer_cache.hpp"
#include "api/http/connection.hpp"
#include "api/http/core/router.hpp"
#include "api/http/handler.hpp"
#include "api/http/query_groups.hpp"
#include "runtime/base/prng.hpp"
#include <deque>
#include <mutex>
#include <unordered_set>

namespace actord {
class state_store;
}

namespace actord::http {

// What all loops of a server share; made once.
struct server_rules {
  explicit server_rules(const node_config& c);
  const node_config& config;
  std::vector<route> rows;
  router paths;
  std::vector<std::string> allow;      // the Allow header of each row
  std::string extra_headers;           // http_config.response_headers as lines
  bool pretty = false;                 // dev mode
  uint64_t kv_limit, txn_limit;        // bytes of a body
  bool may_write(std::string_view peer) const; // allow_write_http_from
  bool blocked(std::string_view path) const;   // block_endpoints

private:
  struct network { uint8_t bytes[16]; int bits; };
  std::vector<network> writers_;
};

// Open connections per client address, for limits.http_max_conns_per_client; shared by the loops.
class client_counts {
public:
  bool enter(const std::string& ip, int limit); // false: over the limit
  void leave(const std::string& ip);

private:
  std::mutex mutex_;
  std::unordered_map<std::string, int> open_; // guarded by mutex_
};

struct front_parts {
  caf::actor_system& system;
  router_handle router;
  watch_handle watch;
  agent_handle agent;
  std::shared_ptr<const agent_board> board;
  state_store* store; // null on a client agent: the servers are asked
  std::shared_ptr<node_status> status;
  std::shared_ptr<const server_rules> rules;
  std::shared_ptr<client_counts> clients;
  uint64_t seed;
  size_t cache_bytes;
  std::shared_ptr<const autopilot_board> autopilot;
  cluster_links cluster;
};

struct remote_read; // front_remote.cpp

class front {
public:
  front(net::io_loop& loop, front_parts parts);
  ~front();

  void accept(int fd, std::string peer); // takes the descriptor
  void shutdown();                       // closes all connections and ends the actor; in the loop's thread
  size_t connections() const { return connections_.size(); }

  // ---- for connections ----
  net::io_loop& loop() { return loop_; }
  query_groups& groups() { return groups_; }
  std::string& read_buffer() { return read_buffer_; }
  request& request_object() { return request_; }
  std::string_view date();
  std::string_view extra_headers() const { return parts_.rules->extra_headers; }
  uint64_t body_limit(const request& r, bool& named);
  std::string_view limit_advice() const { return advice_; }
  void serve(connection& c, request& r);
  void closed(connection& c);

  // ---- for exchanges ----
  void read_state(exchange& x, connection& c, const query_kind& k);
  void propose(connection& c, std::string command, applied_fn then);
  const server_rules& rules() const { return *parts_.rules; }

  // ---- for query groups ----
  struct rerun {
    response out;
    uint64_t index = 0;
    bool failed = false;
    std::vector<topic> topics;
    raft_index seen;
  };
  rerun run_again(const query_group& g);
  void send_shared(connection& c, encoded_answer& a);
  void send_watch(watch_add m);
  void send_unwatch(uint64_t id);

private:
  struct pending_write {
    std::weak_ptr<connection> who;
    uint64_t serial;
    applied_fn then;
    telemetry::series* took; // ms; of the command's kind, null when it has none
    std::chrono::steady_clock::time_point began;
  };
  struct pending_read { // waits until the state here is known to be current
    std::weak_ptr<connection> who;
    uint64_t serial;
    std::string path, raw_query;
    size_t prefix;
    query_kind kind;
  };
  caf::behavior handlers();
  void dispatch(connection& c, request& r, response& out);
  void measure(size_t row, const request& r, reply_facts& f);
  bool answer_before_routing(request& r, response& out);
  bool refuse_by_rules(size_t row, request& r, response& out);
  void redirect(const request& r, const std::string& path, response& out);
  bool check_options(const query_options& o, const query_kind& k, response& out);
  void refuse(const query_kind& k, std::string_view why, response& out);
  bool is_current(const query_options& o) const;
  uint64_t silence() const;
  void wait_until_current(exchange& x, connection& c, const query_kind& k, const query_options& o);
  void answer_from_state(exchange& x, connection& c, const query_kind& k, const query_options& o);
  void allowed(reads_allowed& m);
  void ask_servers(exchange& x, connection& c, const query_kind& k, query_options o);
  void run_remote(remote_read& r, const request& q, response& out);
  void make_calls(const std::shared_ptr<remote_read>& r);
  void make_call(const std::shared_ptr<remote_read>& r, size_t number, std::string method, std::string arguments, bool waits);
  void called(remote_read& r, const std::shared_ptr<remote_read>& keep, size_t number, rpc_answer& a);
  void continue_remote(const std::shared_ptr<remote_read>& r);
  meta_headers meta_of(const query_kind& k, const query_options& o, uint64_t index) const;
  void make_key(const request& r);
  nanos wait_of(const query_options& o);
  void end_of_iteration();
  void applied(const proposals_done& m);
  void expire_writes();

  net::io_loop& loop_;
  front_parts parts_;
  net::loop_actor_ptr self_;
  reader views_;
  environment env_;
  query_groups groups_;
  answer_cache cache_;
  prng random_;
  std::unordered_map<connection*, std::shared_ptr<connection>> connections_;
  std::string read_buffer_, key_, date_;
  std::string_view advice_;
  size_t matched_prefix_ = 0; // length of the route's pattern for the request at hand
  std::vector<topic> topics_;
  std::vector<std::array<telemetry::series*, 5>> measured_; // by row and verb; null until the first request
  request request_;
  response response_;
  net::io_loop::clock::time_point date_until_{};
  std::unordered_map<uint64_t, pending_write> writes_;
  std::deque<std::pair<net::io_loop::clock::time_point, uint64_t>> write_deadlines_;
  std::vector<proposal> gathered_;
  std::vector<uint64_t> unwatched_;
  std::unordered_map<uint64_t, pending_read> reads_;
  // Blocking queries under way to the servers, by method and arguments: equal ones share one call.
  std::unordered_map<std::string, std::vector<std::pair<std::shared_ptr<remote_read>, size_t>>> shared_calls_;
  uint64_t next_write_ = 1, next_read_ = 1;
  bool sweeping_ = false, ended_ = false;
};

} // namespace actord::http
