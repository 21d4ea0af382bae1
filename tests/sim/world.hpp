// One run: servers, clients, network, disks and faults in one thread, all from one seed. Every server is a raft core
// with a virtual disk and a key/value machine; a crash destroys the core and what the disk had not synced.
#pragma once
#include "tests/sim/checkers.hpp"
#include "tests/sim/scenario.hpp"
#include "tests/support/virtual_disk.hpp"
#include "tests/support/virtual_time.hpp"
#include <deque>

namespace actord::sim {

using snapshot_ref = std::shared_ptr<const kv_machine>;
using disk = test::virtual_disk<snapshot_ref>;

enum class event_kind : uint8_t {
  tick, deliver, sync, apply, client, request, client_timeout, fault, mend, restart, snapshot_outcome, election_fault,
  bootstrap, change
};

struct event {
  event_kind kind = event_kind::tick;
  uint32_t node = 0;   // whom it concerns
  uint64_t life = 0;   // the server's incarnation at scheduling; an event of an older one is void
  uint64_t number = 0; // operation, fault or other
  uint32_t from = 0;
  bool good = false;
  std::string bytes;   // deliver: the message as it was on the wire
  snapshot_ref snapshot;
};

struct server {
  std::string name;
  disk store;
  std::unique_ptr<raft::raft_core> core; // null while down
  uint64_t life = 0;                     // incarnations so far
  uint64_t tick_units = units_per_tick;  // this server's clock runs a little off
  kv_machine machine;
  raft_index applied;                    // by the machine
  std::deque<raft::entry> to_apply;
  std::vector<raft::read_state> reads;   // wait for the machine to get there
  bool syncing = false, applying = false;
  uint64_t paused_until = 0;
  bool forgot = false;                   // its log was damaged, and it is not whole again: a mark on its disk
  uint64_t snapshot_every = 0, snapshot_keep = 0; // entries
  snapshot_ref incoming;                 // arrived with the message that is being stepped
};

// Stands for all changes of the configuration; operations count from 1.
constexpr uint64_t change_cookie = uint64_t{1} << 63;

struct client_operation {
  operation what;
  uint32_t client = 0;
  uint32_t node = 0;
  bool as_read_index = false; // a get that is not written to the log
  bool settled = false;       // its client goes on
  bool void_ = false;         // certainly had no effect: not part of the history
};

enum cut_kind : uint32_t { cut_both_ways, cut_one_way, cut_leader };

class world {
public:
  explicit world(const run_options& o);
  run_result run();

private:
  // world.cpp: servers
  void handle(event& e);
  void start(uint32_t n);
  void crash(uint32_t n, bool power_loss);
  void perform_effects(uint32_t n);
  void write_out(uint32_t n, raft::ready& r);
  void send_out(uint32_t n, std::vector<raft::message>& messages);
  void begin_sync(uint32_t n);
  void apply_some(uint32_t n);
  void serve_reads(uint32_t n);
  void maybe_snapshot(uint32_t n);
  void send_snapshot(uint32_t n, const server_id& to);
  void deliver(event& e);
  raft::options draw_options(uint32_t n);
  uint32_t index_of(const server_id& id) const { return static_cast<uint32_t>(id[1] - '0'); }
  uint32_t leader_or_any();
  void note(const event& e);
  void schedule(uint64_t delay, event e) { time_.schedule(delay, std::move(e)); }
  event at(event_kind kind, uint32_t node, uint64_t number = 0) {
    event e;
    e.kind = kind;
    e.node = node;
    e.life = node < servers_.size() ? servers_[node].life : 0;
    e.number = number;
    return e;
  }

  // changes.cpp
  void draw_bootstrap();
  void schedule_bootstrap(uint32_t n);
  raft::membership draw_change(const raft::raft_core& core);
  void tempt_new_leader(uint32_t n);
  void change_members(uint32_t n);
  const raft::raft_core* settled_leader() const; // null until there is one and all its members agree with it

  // clients.cpp
  void start_operation(uint32_t client);
  void request(event& e);
  void settle(uint64_t op, bool answered, uint32_t seen, bool certainly_void);
  void finish_write(uint32_t n, const raft::entry& e, uint32_t seen);

  // faults.cpp
  void inject_fault();
  void disturb_election(uint32_t n);
  void cut_links(uint32_t kind, uint32_t leader);
  void hit_election(uint32_t n);
  void damage_log(uint32_t n);
  void mend(uint64_t fault);

  run_options options_;
  prng random_;
  test::virtual_time<event> time_;
  test::virtual_network network_;
  std::vector<server> servers_;
  raft::options core_options_; // drawn once per run
  raft::membership initial_;    // the configuration that the cluster begins with
  bool bootstrapped_ = false;   // it is handed in at the start, not set later
  checkers checks_;
  std::deque<client_operation> operations_; // number i at i - 1
  std::vector<uint64_t> running_;           // per client: its operation, 0 when idle
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> cuts_; // per partition: the links it cut
  uint64_t stamp_ = 0;
  double election_fault_ = 0; // this run's share of the scenario's
  uint64_t fault_every_ = 0;
  double change_after_election_ = 0, change_fault_ = 0; // shares of elections and changes
  bool load_ = true; // clients work and faults happen
  run_result result_;
};

} // namespace actord::sim
