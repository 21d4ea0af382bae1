// One loop's share of the RPC server: its connections and the calls that are under way. Everything in here runs in the
// loop's thread.
#pragma once
#include "actors/interfaces/watch.hpp"
#include "actors/messages/port_messages.hpp"
#include "api/consul_rpc/call.hpp"
#include "api/dispatch/currency.hpp"
#include "api/dispatch/writes.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/net/client_counts.hpp"
#include "runtime/net/portions.hpp"
#include "runtime/net/turn_queue.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/state/read_view_long.hpp"
#include <atomic>
#include <deque>
#include <unordered_map>

namespace actord {
class state_store;
}

namespace actord::consul_rpc {

class connection;

struct front_parts {
  const node_config& config;
  caf::actor_system& system;
  router_handle router;
  watch_handle watch;
  state_store& store;
  std::shared_ptr<node_status> status;
  std::shared_ptr<const autopilot_board> autopilot;
  cluster_links cluster;
  port_handle peers; // gets the connections of other servers; null: they are closed
  std::shared_ptr<net::client_counts> clients;
  uint64_t seed;
  size_t memory; // bytes that all connections together may make us hold
  long_reads* elsewhere = nullptr; // null: every read is made in the loop
};

class front {
public:
  front(net::io_loop& loop, front_parts parts);
  ~front();

  void accept(int fd, std::string peer); // takes the descriptor
  void shutdown();
  net::io_loop& loop() { return loop_; }
  net::turn_queue& turns() { return turns_; }
  const front_parts& parts() const { return parts_; }
  const net::loop_actor_ptr& self() const { return self_; }

  // ---- for connections and other askers ----
  // `ticket` comes back with the answer, which may come before this returns.
  std::shared_ptr<call> begin(std::weak_ptr<asker> who, uint64_t ticket, std::string method, std::string arguments);
  void run(const std::shared_ptr<call>& c); // starts one that begin() made
  void resume(const std::shared_ptr<call>& c); // one that was held
  void abandon(call& c);                    // nobody waits for its answer any more
  void closed(connection& c);
  void give_to_peers(connection& c, int fd);
  void wants_flush(connection& c);          // before the iteration ends
  void account(size_t before, size_t now) { held_ = held_ - before + now; } // bytes that a connection makes us hold
  std::string& read_buffer() { return read_buffer_; }

  // ---- for calls ----
  void read(const std::shared_ptr<call>& c);
  void propose(const std::shared_ptr<call>& c, std::string command, applied_fn then);
  void forget(call& c); // from all tables

private:
  struct pending_write {
    std::shared_ptr<call> who;
    applied_fn then;
  };
  caf::behavior handlers();
  struct glance; // what one look at the state found
  glance take_look(const call& c, reader& views, bool watch, uint64_t what, bool bounded) const; // any thread
  void look_again(const std::shared_ptr<call>& c);
  bool look_elsewhere(const std::shared_ptr<call>& c, bool watch, uint64_t what);
  void looked(const std::shared_ptr<call>& c, uint64_t what, glance found);
  nanos wait_of(const rpc::read_options& o);
  void end_of_iteration();
  void bound_held();
  void fired(const watch_fired& m);
  void let_go(connection& c);
  void hand_over_some();
  void sweep();
  void take_turn();

  net::io_loop& loop_;
  net::turn_queue turns_;
  front_parts parts_;
  net::loop_actor_ptr self_;
  environment env_;
  struct local_desk;
  std::shared_ptr<local_desk> local_;
  reader views_;
  prng random_;
  std::unordered_map<connection*, std::shared_ptr<connection>> connections_;
  std::vector<std::weak_ptr<connection>> dirty_;
  std::string read_buffer_;
  std::unordered_map<uint64_t, std::shared_ptr<call>> reads_, watches_; // are looked at elsewhere; wait for a change
  dispatch::waiting_reads currency_;
  net::portions<std::shared_ptr<call>> due_; // to be looked at again
  dispatch::writes<pending_write> writes_;
  std::vector<uint64_t> unwatched_;
  long_memory long_ones_; // by method and subject
  uint64_t next_ = 1;
  size_t held_ = 0; // what connections make us hold
  struct server_connection {
    std::string peer;
    int fd;
  };
  std::deque<server_connection> to_peers_; // wait to be handed over
  std::shared_ptr<std::atomic<size_t>> untaken_ = std::make_shared<std::atomic<size_t>>(0);
  bool handing_over_ = false;
  bool sweeping_ = false, ended_ = false;
};

} // namespace actord::consul_rpc
