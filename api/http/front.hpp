// One loop's HTTP front: its connections, what they share (parse scratch, answer cache, blocked queries), and the
// writes that wait for Raft. Everything in here runs in the loop's thread.
#pragma once
#include "actors/messages/rpc_messages.hpp"
#include "api/dispatch/currency.hpp"
#include "api/dispatch/writes.hpp"
#include "api/http/answer_cache.hpp"
#include "api/http/body_work.hpp"
#include "api/http/connection.hpp"
#include "api/http/core/router.hpp"
#include "api/http/handler.hpp"
#include "api/http/query_groups.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/client_counts.hpp"
#include "runtime/net/turn_queue.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/state/read_view_long.hpp"
#include <atomic>
#include <deque>
#include <map>
#include <tuple>
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

struct front_parts {
  caf::actor_system& system;
  router_handle router;
  watch_handle watch;
  agent_handle agent;
  std::shared_ptr<const agent_board> board;
  state_store* store; // null on a client agent: the servers are asked
  std::shared_ptr<node_status> status;
  std::shared_ptr<const server_rules> rules;
  std::shared_ptr<net::client_counts> clients;
  uint64_t seed;
  size_t cache_bytes;
  std::shared_ptr<const autopilot_board> autopilot;
  cluster_links cluster;
  long_reads* elsewhere = nullptr; // null: every read is made in the loop
  size_t memory = SIZE_MAX;        // bytes that all connections of the loop together may make us hold
};

struct long_read;   // front_long.cpp
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
  net::turn_queue& turns() { return turns_; }
  query_groups& groups() { return groups_; }
  std::string& read_buffer() { return read_buffer_; }
  request& request_object() { return request_; }
  parse_progress& progress_object() { return progress_; }
  std::string_view date();
  std::string_view extra_headers() const { return parts_.rules->extra_headers; }
  uint64_t body_limit(const request& r, bool& named);
  std::string_view limit_advice() const { return advice_; }
  void serve(connection& c, request& r);
  void closed(connection& c);
  void log_failure(connection& c, const response& r);
  void account(size_t before, size_t now); // bytes that a connection makes us hold
  // Has the form that this connection asks for made in another thread, once for all who wait for it; then send_shared() again.
  bool form_elsewhere(connection& c, encoded_answer& a, const meta_headers& meta, bool zipped);

  // ---- for exchanges ----
  void read_state(exchange& x, connection& c, const bound_read& r, const query_options& o);
  void propose(connection& c, std::string bytes, const write_row& row, std::string_view of);
  void make_elsewhere(deferred to, std::function<void(reader&, response&)> f);
  void body_elsewhere(exchange& x, body_work work); // of the request at hand
  const server_rules& rules() const { return *parts_.rules; }

  // ---- for query groups ----
  using rerun = front_rerun;
  rerun run_again(const query_group& g, bool bounded); // bounded: it may be too long, and says so
  // Runs it elsewhere when that takes long, as is known or as it took the last time; the outcome goes to query_groups::recomputed(), or to the
  // connection, which has left the group. False: not so, or there is no thread.
  bool run_again_elsewhere(const query_group& g, bool known_to_be_long);
  bool answer_elsewhere(const query_group& g, connection& c, bool known_to_be_long);
  void send_shared(connection& c, encoded_answer& a);
  void send_watch(watch_add m);
  void send_unwatch(uint64_t id);

private:
  struct pending_write {
    std::weak_ptr<connection> who;
    uint64_t serial;
    const write_row* row;
    std::string of;
  };
  struct pending_read { // waited until the state here was known to be current
    std::weak_ptr<connection> who;
    uint64_t serial;
    std::shared_ptr<const bound_read> read;
    read_terms terms;
    std::string key;
    error failure = {};
  };
  caf::behavior handlers();
  void dispatch(connection& c, request& r, response& out);
  void measure(size_t row, const request& r, reply_facts& f);
  void describe(connection& c, const request& r);
  bool answer_before_routing(request& r, response& out);
  bool refuse_by_rules(size_t row, request& r, response& out);
  void redirect(const request& r, const std::string& path, response& out);
  void refuse(const answer_style& s, std::string_view why, response& out);
  void refuse_unread(const answer_style& s, const error& why, response& out);
  void refuse_run(const bound_read& r, const error& why, response& out);
  void wait_until_current(connection& c, const bound_read& r, const read_terms& o);
  void answer_from_state(connection& c, const bound_read& r, const read_terms& o, response& out);
  void read_allowed(const pending_read& p);
  struct sight { // what one look at the state found
    std::shared_ptr<encoded_answer> ready;
    uint64_t index = 0, valid_at = 0;
    raft_index seen;
    bool too_long = false;
    error refused; // by the endpoint
    error unread;  // the state could not be read
  };
  sight look(const bound_read& r, bool blocking, uint64_t min_index, bool bounded, response& out);
  bool read_elsewhere(const bound_read& r, const read_terms& o, connection& c);
  bool submit(std::shared_ptr<long_read> r);
  uint64_t source_of(const query_group& g) const;
  bool takes_long(const query_group& g) const;
  struct body_read;
  void body_read_done(body_read& b);
  void read_done(long_read& r);
  void show_written(const pending_write& w, const apply_result& r, bool tell_index, response& out) const;
  bool say_elsewhere(const pending_write& w, const apply_result& r, bool tell_index);
  void formed(const std::shared_ptr<encoded_answer>& a, bool pretty, bool zipped, encoded_answer::form f);
  void send_formed();
  void ask_servers(exchange& x, connection& c, const bound_read& r, const query_options& o);
  void make_call(const std::shared_ptr<remote_read>& r);
  void called(const std::shared_ptr<remote_read>& r, rpc_answer& a);
  void show_reply(const remote_read& r, response& out);
  void answer_remotely(const remote_read& r, response& out);
  meta_headers meta_of(const answer_style& s, consistency mode, uint64_t index) const;
  void bound_held();
  void make_key(const request& r);
  nanos wait_of(const read_terms& o);
  void end_of_iteration();
  void written(const pending_write& w, const apply_result& r);
  void expire_writes();

  net::io_loop& loop_;
  net::turn_queue turns_;
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
  connection* serving_ = nullptr; // whose request is at hand, in dispatch()
  size_t matched_prefix_ = 0; // length of the route's pattern for the request at hand
  std::vector<topic> topics_;
  std::vector<std::array<telemetry::series*, 5>> measured_; // by row and verb; null until the first request
  long_memory long_ones_; // by endpoint and subject
  request request_;
  parse_progress progress_;
  response response_;
  net::io_loop::clock::time_point date_until_{};
  dispatch::writes<pending_write> writes_;
  std::vector<uint64_t> unwatched_;
  dispatch::waiting_reads currency_;
  net::portions<pending_read> allowed_;
  struct form_waiter {
    std::weak_ptr<connection> who;
    uint64_t serial;
    std::shared_ptr<encoded_answer> answer;
    meta_headers meta;
  };
  struct form_job {
    std::vector<form_waiter> waiters;
    std::vector<uint64_t> sources; // in whose lines it waits
    std::shared_ptr<std::atomic<bool>> begun = std::make_shared<std::atomic<bool>>(false);
  };
  std::map<std::tuple<const encoded_answer*, bool, bool>, form_job> forming_; // pretty, zipped
  std::deque<form_waiter> formed_;
  // Blocking queries under way to the servers, by method and arguments: equal ones share one call.
  text_map<std::vector<std::shared_ptr<remote_read>>> shared_calls_;
  size_t remote_waits_ = 0; // requests whose call waits for a change, shared or not, whether their client is there or not
  size_t held_ = 0, looked_at_ = 0; // what connections make us hold, at most, and what it was when that was last found to be less
  bool sweeping_ = false, ended_ = false, bounding_ = false;
};

} // namespace actord::http
