// One run: whole nodes, the network between them, clients and faults in one thread, all from one seed. Time is in
// microseconds; every server has a clock of its own that runs a little off, and stands or jumps when a fault says so.
#pragma once
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "tests/sim/whole/history.hpp"
#include "tests/sim/whole/lock_judge.hpp"
#include "tests/sim/whole/client_node.hpp"
#include "tests/sim/whole/node.hpp"
#include "tests/sim/whole/registration_judge.hpp"
#include "tests/sim/whole/run.hpp"
#include "tests/support/virtual_network.hpp"
#include "tests/support/virtual_time.hpp"
#include <map>
#include <set>
#include <unordered_map>

namespace actord::sim::whole {

constexpr uint64_t ms = 1000, second = 1000 * ms;
// Numbers of what the front asks of Raft: up from 1 of operations, then of lock clients, of agents' calls, of who meddles, of new commands.
constexpr uint64_t first_lock_call = uint64_t{1} << 40, first_remote_call = uint64_t{1} << 41, first_meddling = uint64_t{1} << 42, first_new_command = uint64_t{1} << 43;
constexpr uint32_t client_count = 6, holder_count = 3, lock_count = 2;

struct event {
  const char* what = "";
  uint32_t slot = 0;
  std::function<void()> act;
};

struct site { // of a process: its folder and its identity outlive its lives
  std::string folder;
  uint64_t life = 0;
  bool started = false;      // belongs to this run
  uint64_t hung_until = 0;
  uint64_t work_at = never;  // when `work` is scheduled
  uint64_t work_number = 0;  // of the newest schedule
  double rate = 1;           // of its clock
  caf::actor_clock::time_point clock;
  uint64_t clock_at = 0;     // world's time at which the clock stood so
  std::atomic<bool> full{false}, power_fails{false};
  pace tempo;
};

struct server : site {
  server_hello hello;        // as its peers actor said it last
  std::unique_ptr<node> up;  // null while down
  bool bootstraps = false;
  bool gone = false;         // never comes back
  bool to_damage = false;    // its files, before it comes back
  bool damaged = false;      // they were, and it has not come back
  uint64_t up_since = 0;
  std::vector<std::pair<server_id, std::string>> wanted;
  uint64_t last_link = 0;    // links are looked after at this time
  raft_index audited;        // of its log, by the judge
  uint64_t shown_life = 0;   // up to where its reads have shown the state, in which life
  raft_index shown;
};

// ---- client agents (agents.cpp, registrars.cpp)
enum class fate : uint8_t { runs, dead, leaving, left }; // dead: for good
struct agent_site : site {
  std::string name, id, ip;
  std::unique_ptr<client_node> up; // null while down
  std::unique_ptr<registration_judge> judge;
  fate how = fate::runs;
  bool began = false;              // this life has read what was kept
  local_times born;                // when this life began
  uint64_t up_since = 0, hung_last = 0;
  uint64_t asked = 0;              // number of the call of its program that is under way; 0: none
  uint64_t calls = 0, versions = 0;
  uint64_t last_meddled = 0;       // somebody has changed the catalog behind its back
  bool was_there = false;          // in the catalog, when it died for good
  bool may_go = false;             // it has left, or somebody else took it out of the catalog
  bool calm_leave = true;          // nothing was broken while it left
  uint64_t gone_at = 0, faults_before = 0; // when it was last gone for good or left; faults before it began to leave
};
struct remote_call { // of a client agent, to a server
  uint32_t from = 0, to = most_servers;
  uint64_t life = 0, id = 0, to_life = 0;
  rpc_call what;
};

// ---- streams of pools (gossip_net.cpp)
struct stream_piece {
  std::string bytes;
  bool last = false; // nothing more comes, and nothing more is wanted
};
struct stream_end {
  uint32_t slot = 0;
  uint64_t life = 0, id = 0;
  bool open = true;
};
struct pool_stream {
  std::array<stream_end, 2> ends; // who dialled, who accepted
  std::array<std::deque<stream_piece>, 2> ways; // from the first, from the second
  std::array<bool, 2> moving{};
  bool connected = false;
};

struct link { // the Raft connection that `from` has dialled to `to`
  bool up = false;
  uint64_t generation = 0, silent_since = never, life = 0; // life: of the other end
};
struct question { // asked, not yet answered
  uint32_t from = 0, to = 0;
  uint64_t life = 0, id = 0, generation = 0;
  bool kept = false; // it never left
};

enum class read_mode : uint8_t { leader, consistent, stale };

struct client_operation {
  operation what;
  uint32_t client = 0, slot = 0;
  read_mode mode = read_mode::leader;
  std::array<uint64_t, 2> cas_index{};
  std::string command;    // of a write
  uint64_t life = 0;      // of the node that works on it; 0: none does
  bool settled = false;   // its client goes on
  bool counts = false;    // part of the history
  bool closing = false;   // of the closing round
};

// ---- clients that hold locks (holders.cpp)
enum class lock_step : uint8_t { enter, create, renew, acquire, release, destroy };
struct lock_call {
  uint32_t holder = 0, slot = 0;
  lock_step what = lock_step::enter;
  std::string session, key;
  std::string command;
  uint64_t life = 0;    // of the node that works on it; 0: none does
  bool settled = false; // its client goes on
  moment sent;
  uint64_t term = 0;    // of the one leader that there was then; 0: there may have been another
};
struct lock_client {
  std::string session;  // "" when it has none
  nanos ttl{0};
  bool entered = false, made = false; // its node, its session are known to be there
  std::set<std::string> held;
  uint64_t renew_at = 0, running = 0, sessions = 0;
};

class world final : public surroundings {
public:
  explicit world(const run_options& o);
  ~world() override;
  run_result run();

  // ---- network.cpp: what nodes send to one another
  void send(node& from, const peers_send& m) override;
  void want(node& from, const peers_wanted& w) override;
  void say(node& from, const peers_say& s) override;
  void ask(node& from, peers_ask& a) override;
  void reply(node& from, const peers_reply& r) override;
  void send_snapshot(node& from, const peers_send_snapshot& m) override;
  // ---- clients.cpp
  void settled(node& at, const proposals_done& d) override;
  void allowed(node& at, const reads_allowed& r) override;
  // ---- gossip_net.cpp
  void packets(machine& from, std::span<const gossip::datagram> out) override;
  void dial(machine& from, const gossip::stream_dial& d) override;
  void write(machine& from, const gossip::stream_write& w) override;
  void close(machine& from, const gossip::stream_close& c) override;
  // ---- calls.cpp, agents.cpp
  void call(client_node& from, uint64_t id, const std::string& server, const rpc_call& what) override;
  void agent_began(client_node& at, const error& failed) override;
  void agent_stops(client_node& at) override;

private:
  using time_point = caf::actor_clock::time_point;

  // world.cpp: servers and time
  void add_server(const std::string& name, const std::string& address, int expect, bool bootstraps, bool knows_all);
  void boot(uint32_t slot);
  void crash(uint32_t slot, bool power_loss);
  void tear_journal(log_store& log, std::atomic<bool>& power_fails);
  void work(uint32_t slot);
  void wake(uint32_t slot, uint64_t at);
  void enter(uint32_t slot, uint64_t life, const char* what, std::function<void()> f);
  void visit(uint32_t slot, uint64_t life, const char* what, std::function<void(node&)> f);
  site& site_of(uint32_t slot);
  machine* running(uint32_t slot); // null while down
  const pool_part* pool_of(uint32_t slot);
  uint32_t ends() const { return most_servers + options_.agents; }
  void set_clock(site& s, time_point t);
  time_point local_time(const site& s) const;
  void schedule(uint64_t delay, const char* what, uint32_t slot, std::function<void()> act);
  void note(const event& e);
  bool next_event(uint64_t until);
  uint64_t now() const { return time_.now(); }
  bool reachable(uint32_t a, uint32_t b) const;
  uint32_t slot_of(const server_id& id) const; // most_servers when there is none
  uint32_t any_started();
  uint32_t leader_or_any();

  // network.cpp
  void look_after_links(uint32_t slot);
  void connect(uint32_t a, uint32_t b);
  void drop(uint32_t a, uint32_t b);
  void tell_hello(uint32_t from, uint32_t to, uint32_t a, uint32_t b);
  void carry(uint32_t from, uint32_t to, uint64_t life, std::string bytes, uint64_t delay);
  void carry_question(question q, std::string body);
  void carry_answer(question q, std::string body);
  void settle_question(uint64_t number, error failure, std::string body);
  void carry_snapshot(uint32_t from, uint64_t from_life, uint32_t to, raft::message install, std::shared_ptr<const std::string> bytes, uint64_t tries);

  // clients.cpp
  void start_operation(uint32_t client);
  void draw_operation(client_operation& op, uint64_t number);
  void begin(uint32_t client, client_operation op);
  void request(uint64_t number, node& n);
  void read_now(uint64_t number, node& n);
  void finish(uint64_t number, bool answered, bool known, bool done);
  void give_up(uint64_t number);
  void final_round(uint32_t client);

  // holders.cpp
  void start_lock_step(uint32_t holder);
  lock_call draw_lock_step(uint32_t holder);
  std::string lock_command(lock_call& c, uint64_t number);
  void lock_settled(node& at, uint64_t number, const apply_result& r);
  void lock_told(const lock_call& c, const apply_result& r);
  void finish_lock_step(uint64_t number, bool known, bool done);
  void give_up_lock_step(uint64_t number);
  void abandon_locks();
  uint64_t only_leader() const;
  moment this_moment() const;
  bool locks_rest(std::string& why);
  void judge_locks();

  // agents.cpp: client agents come and go
  void add_agents();
  void boot_agent(uint32_t slot);
  void crash_agent(uint32_t slot, bool power_loss);
  void take_down(uint32_t slot, bool power_loss); // what was connected to it
  void visit_agent(uint32_t slot, uint64_t life, const char* what, std::function<void(client_node&)> f);
  void look_at_agent(uint32_t slot);
  void break_agent(uint32_t slot);
  void leave(uint32_t slot);
  void notice(); // what the catalog says of members' health, for the counts
  agent_site& client_at(uint32_t slot) { return clients_[slot - most_servers]; }
  local_times times_of(const site& p) const;
  bool has_agents() const { return options_.agents > 0; }
  bool all_is_well() const;
  uint32_t slot_of_ip(std::string_view ip) const; // raw bytes; ends() when there is none

  // registrars.cpp: programs that register with client agents; and who changes the catalog behind their backs
  void ask_agent(uint32_t slot);
  registrar_call draw_call(const agent_site& c);
  void told_by_agent(uint32_t slot, uint64_t life, uint64_t number, bool done);
  void meddle();

  // upgrades.cpp
  void plan_upgrade(uint32_t slot);
  void upgrade(uint32_t slot);
  void write_new_command();
  void new_command_settled(const apply_result& r);

  // calls.cpp: calls of client agents
  void serve_call(uint64_t number, node& n);
  void answer_reads(uint64_t number, node& n);
  void call_settled(uint64_t number, const apply_result& r);
  void answer_call(uint64_t number, std::string refusal, std::string body);
  void end_call(uint64_t number, rpc::attempt how, std::string refusal, std::string body);

  // gossip_net.cpp
  void connect_stream(uint64_t number, std::string first, uint32_t to);
  void move_stream(uint64_t number, int way);
  void end_stream(uint64_t number, int end, gossip::stream_end how);
  void lose_streams(uint32_t slot, bool silently);
  std::pair<uint64_t, int> stream_at(const machine& m, uint64_t id) const;

  // agents_judge.cpp
  bool agents_rest(std::string& why);
  bool members_agree(std::string& why);
  bool catalog_fits(node& n, std::string& why);
  bool catalog_fits(read_view& view, const agent_site& c, std::string& why);

  // faults.cpp
  void inject_fault();
  void strike(uint32_t slot);
  void cut_links(uint32_t kind, uint32_t victim);
  void want_replacement(uint32_t victim);
  void replace(uint32_t victim);
  void look_who_votes();
  bool may_forget() const;
  std::string who_forgot() const;
  void damage_files(uint32_t slot);
  void operate();
  void change_members(uint32_t slot);
  void mend_everything();

  // judge.cpp
  void fail(std::string what);
  void saw_leader(uint32_t slot, raft_term term);
  void audit(uint32_t slot);
  void note_read(uint32_t slot, const step& s, raft_index applied, uint64_t modify);
  void note_ack(uint32_t slot, const std::string& command, const apply_result& r);
  bool at_rest(std::string& why);
  void judge_end();

  run_options options_;
  prng random_;
  test::virtual_time<event> time_;
  test::virtual_network network_;
  std::string folder_;
  std::vector<server> servers_;
  std::vector<agent_site> clients_;
  std::shared_ptr<node_config> gossip_config_; // null: no client agents, and no pool
  std::map<uint64_t, remote_call> remote_calls_;
  uint64_t next_call_ = 1;
  std::map<uint64_t, pool_stream> streams_;
  std::map<std::tuple<uint32_t, uint64_t, uint64_t>, uint64_t> stream_numbers_; // by slot, life, id
  uint64_t next_stream_ = 1, accepted_ = 0;
  uint64_t meddles_ = 0;
  std::map<std::string, std::string> health_; // of nodes, as the catalog showed it last
  raft_index noticed_;                        // and when that was
  std::vector<std::vector<link>> links_; // from, to
  std::map<uint64_t, question> questions_; // by connection-independent number
  std::map<uint64_t, std::pair<uint32_t, uint32_t>> connections_; // number a receiver knows a link by: from, to
  uint64_t next_question_ = 1;
  node_plan drawn_; // of the whole run

  std::deque<client_operation> operations_; // number i at i - 1
  std::vector<uint64_t> running_;           // per client
  std::array<std::pair<uint32_t, uint64_t>, key_count> known_{}; // value and ModifyIndex that some client saw last
  std::vector<uint32_t> final_left_;        // per client: operations of the closing round

  std::vector<lock_client> holders_;
  std::deque<lock_call> lock_calls_; // number i at i - 1

  uint64_t new_commands_ = 0;        // that were asked for
  bool new_command_written_ = false; // since everything was mended

  uint64_t fault_every_ = 0;
  double strikes_ = 0; // share of acknowledged writes after which the power fails
  bool load_ = true;
  uint32_t joining_ = most_servers;  // a replacement under way
  // What this run does to members. Two of it at once could leave too few for ever.
  enum class trouble : uint8_t { flaps, replaces, damages, none } trouble_ = trouble::replaces;
  bool all_vote_ = false; // at the last look
  uint64_t mended_at_ = never, writable_at_ = never;
  std::map<uint64_t, std::vector<std::pair<uint32_t, uint32_t>>> cuts_;
  uint64_t stamp_ = 0, next_file_ = 1;

  leader_table leaders_; // by term
  lock_judge lock_judge_{leaders_, [this](std::string what) { fail(std::move(what)); }};
  struct settled_entry {
    raft_term term;
    uint64_t payload;
  };
  std::map<uint64_t, settled_entry> committed_; // by index
  std::map<uint64_t, std::pair<stored_log_record, moment>> unjudged_; // seen before one that precedes it
  uint64_t judged_ = 0; // up to where the models have seen the log
  std::map<uint64_t, uint64_t> digests_;        // of the state, by what is applied
  std::unordered_map<uint64_t, uint64_t> places_; // by a command's hash: its index
  struct shown_value {
    uint32_t value;
    uint64_t modify;
  };
  std::map<std::pair<uint8_t, uint64_t>, shown_value> shown_; // by key and applied index
  std::unordered_map<uint64_t, uint64_t> acknowledged_; // hash by index
  std::vector<std::string> views_of_members_;                 // of the last look, per slot
  std::string failure_;
  run_result result_;
};

} // namespace actord::sim::whole
