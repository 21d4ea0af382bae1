// The Raft actor's state, shared by the files of this folder: raft_actor.cpp (messages in), raft_effects.cpp (what the core
// decided), raft_requests.cpp (requests here and over there), raft_cluster.cpp (forming and changing the cluster).
#pragma once
#include "actors/interfaces/status.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/servers_messages.hpp"
#include "actors/raft/core/command_levels.hpp"
#include "actors/raft/core/raft_core.hpp"
#include "actors/raft/core/state_comparison.hpp"
#include "actors/raft/log_writer_actor.hpp"
#include "actors/raft/questions.hpp"
#include "actors/raft/raft_actor.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/raft_log/log_store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <set>
#include <unordered_map>
#include <variant>

namespace actord {

class disk_reader;

// What the actor is made of; opened by whoever spawns it, so that a bad log is an error to the caller.
struct raft_parts {
  log_store* store;
  state_store* states;
  std::unique_ptr<disk_reader> disk;
  std::unique_ptr<raft::raft_core> core;
  raft_setup setup;
  std::shared_ptr<node_status> status;
};

class raft_state {
public:
  static inline const char* name = "raft";
  using handle = raft_handle::extend<caf::reacts_to<servers_found>, caf::reacts_to<leader_proposals>>;
  using pointer = handle::stateful_pointer<raft_state>;
  using clock = std::chrono::steady_clock;

  explicit raft_state(pointer p) : self_(p) {}
  ~raft_state();
  void take(raft_parts&& parts);

  // ---- messages in ----
  void start(raft_attach& a);
  void ticked();
  void written(log_written& w);
  void applied(const entries_applied& a);
  void cut_wanted(const log_cut_wanted& c);
  void propose(proposals& p);
  void propose(leader_proposals& p);
  caf::result<apply_outcome> propose_one(std::string command);
  void outcomes(proposals_done& d); // of commands that were applied for a promise or for another server
  void read(read_wanted& r);
  caf::result<leader_info> look(const leader_query& q);
  caf::result<apply_outcome> change(membership_change& c);
  caf::result<apply_outcome> transfer(const leadership_transfer& t);
  void messages(peer_messages& m);
  void said(peer_said& s);
  void lost(const peer_lost& l);
  void found(servers_found& f);
  void question(peer_question& q);
  void answered(peer_answer& a);
  void snapshot_sent(const snapshot_was_sent& s);
  void snapshot_arrived(actord::snapshot_arrived& s);

private:
  raft_index kept_for_followers() const;
  using promise = caf::typed_response_promise<apply_outcome>;
  struct remote_slot { // one command of another server's question
    uint64_t batch;
    size_t at;
  };
  // Who is told the outcome of a command.
  struct origin {
    uint64_t id = 0;                  // the sender's, when reply_to is set
    caf::strong_actor_ptr reply_to;   // of proposals
    std::variant<std::monostate, promise, remote_slot> sink;
    clock::time_point since;          // when it was proposed
  };
  struct held_command { // waits for a leader
    std::string command;
    origin who;
  };
  struct remote_batch { // a question of another server, being worked on
    uint64_t connection, id;
    size_t missing;
    raft::answer reply;
  };
  struct server_seen;
  struct waiting_read { // waits until this much is applied
    raft_index index;
    uint64_t id;
    caf::strong_actor_ptr reply_to;
    clock::time_point since;
  };
  struct read_source { // of a read that the core or the leader is asked about
    uint64_t id = 0;
    caf::strong_actor_ptr reply_to;      // local
    uint64_t connection = 0, question = 0; // else: another server's
    bool confirm = false;
    uint64_t at_least = 0;
    clock::time_point since;
  };
  struct forwarded { // a question of ours, under way
    server_id to;
    std::vector<held_command> commands;
    std::vector<read_source> reads;
    std::optional<promise> change;
    std::optional<caf::typed_response_promise<leader_info>> look;
    bool digests = false, room = false;
  };

  // raft_effects.cpp
  void perform_effects();
  void send_write(raft::ready& r);
  void note_written(uint64_t upto);
  void note_log_waits();
  void note_recovered();
  void send_committed(std::vector<raft::entry>& committed);
  void note_role(const raft::role_change& r);
  void note_members();
  void publish_status();
  void rejected(const raft::rejection& r);
  void lead_when_applied();

  // raft_snapshots.cpp
  void send_snapshots(const std::vector<server_id>& to);
  void put_off(const server_id& to, raft_index at, std::chrono::seconds longest);
  void retry_snapshots(clock::time_point now);

  // raft_requests.cpp
  void submit(std::string command, origin o);
  bool answered_here(std::string& command, origin& o);
  void finish(origin& o, apply_result r);
  void hold(std::string command, origin o);
  void retry_held();
  void expire_held(clock::time_point now);
  bool can_ask() const; // another server leads and can be asked
  void forward(std::vector<held_command> batch);
  void forward_reads(bool confirm);
  void ask_core(read_source s);
  void read_may(read_source& s, raft_index at);
  void wait_for(read_source& s, raft_index at);
  void refuse_read(read_source& s, error why);
  void release_reads();
  void allow(waiting_read& w);
  void begin_catching_up();
  void ask_catching_up();
  uint64_t ask(raft::question q, forwarded f); // the leader
  void give_up_on_others(const server_id& leader);
  void reply(uint64_t connection, uint64_t id, const raft::answer& a);
  void answer_propose(peer_question& q, raft::question& asked);
  void answered_propose(forwarded& f, peer_answer& a, raft::answer& said);
  void answered_reads(forwarded& f, peer_answer& a, raft::answer& said);
  clock::time_point clock_now() const { return self_->clock().now(); } // the actor system's: steady_clock, or a simulation's
  raft_index leased_index() const; // a read of this index sees all that was acknowledged; 0 without a lease

  // raft_levels.cpp
  raft::command_reader reader_of(const server_id& id) const;
  void note_levels(); // after any change of who there is
  bool refused_as_unreadable(std::string_view command, origin& o); // true: `o` was told
  bool is_too_old(const server_id& id, const server_hello& hello);

  // raft_room.cpp
  void look_for_room(clock::time_point now);
  void ask_for_room();
  void answer_room(const peer_question& q);
  void answered_room(const forwarded& f, const peer_answer& a);
  void look_who_can_write();
  void refuse_what_waits();

  // raft_digests.cpp
  void compare_states(clock::time_point now);
  void answer_digests(const peer_question& q);
  void answered_digests(const forwarded& f, const peer_answer& a);
  void judge_states();

  // raft_cluster.cpp
  leader_info info() const;
  void say_hello();
  void want_peers();
  bool has_left(const server_id& id) const;
  void note_clusters(); // after any change of who belongs to ours, or to another's
  bool is_foreign(const server_id& id) const;
  void tell_of_foreign(server_seen& seen, clock::time_point now);
  void maybe_bootstrap();
  void look_after_members();
  result<raft::membership> changed(const membership_change& c) const;
  void start_change(const membership_change& c, origin o);
  bool start_transfer(const std::string& to, apply_result& out);
  void step_aside_when_slow(clock::time_point now);
  bool others_are_ahead() const;

  pointer self_;
  log_store* store_ = nullptr;
  state_store* states_ = nullptr;
  std::unique_ptr<disk_reader> disk_;
  std::unique_ptr<raft::raft_core> core_;
  raft_setup setup_;
  std::shared_ptr<node_status> status_;
  log_writer_handle writer_;
  state_handle state_;
  peers_handle peers_;

  std::unordered_map<uint64_t, origin> origins_;  // by cookie: proposed, not yet committed
  std::unordered_map<uint64_t, std::variant<std::monostate, promise, remote_slot>> sinks_; // handed to the state actor under this id
  std::unordered_map<uint64_t, remote_batch> batches_;
  std::unordered_map<uint64_t, read_source> core_reads_; // by cookie
  std::unordered_map<uint64_t, forwarded> questions_;    // by id
  std::deque<held_command> held_;
  std::deque<read_source> held_reads_;
  std::vector<read_source> gathered_reads_[2]; // on the way to the leader; second: those to be confirmed
  bool reads_under_way_[2] = {false, false};
  std::deque<waiting_read> waiting_reads_;
  uint64_t next_cookie_ = 1, next_question_ = 1, next_batch_ = 1;
  uint64_t last_write_ = 0;
  raft_index leader_from_; // the no-op of our term
  error stalled_;          // the log writer's last failure, while it lasts
  error unwritable_;       // why no majority can write, while that is so: waiting is of no use
  bool room_asked_ = false; // whether others can write, since that was last of interest
  std::set<server_id> room_questions_; // to whom such a question is under way
  raft_index commit_seen_; // and since when it is the same, with entries behind it
  clock::time_point commit_since_{};
  std::optional<raft::role> counted_as_; // in the metrics
  std::optional<raft_index> cut_wanted_;

  struct install { // a snapshot whose place in the log is being written
    uint64_t write_id;
    std::string path;
    raft_index index;
  };
  std::optional<install> install_;
  std::string arriving_; // its file, while the core looks at it
  std::map<server_id, raft_index> sent_snapshots_; // the place of the last one that was sent to each
  struct snapshot_try { // to bring one to a server, which has not come so far yet
    unsigned count = 0;
    raft_index at;
    clock::time_point again_at{};
    bool wanted = false; // by the core, which waits to be told that the last one failed
  };
  std::map<server_id, snapshot_try> snapshot_tries_;

  struct server_seen {
    server_hello hello;
    bool connected = false;
    clock::time_point since;
    bool cannot_write = false; // its log, as it said when it was last asked
    std::string offered;       // an address that somebody gave in its name while it was connected elsewhere
    clock::time_point offered_at{};
    bool foreign = false;      // its log is another cluster's
    clock::time_point foreign_told{};
  };
  std::map<server_id, server_seen> seen_;
  struct server_found_at {
    found_server server;
    clock::time_point since;
  };
  std::vector<server_found_at> found_; // by gossip
  raft::command_levels levels_;
  unsigned written_level_ = 1;   // of what this leader has proposed
  std::set<server_id> too_old_;  // servers of which that was said in the log
  server_hello said_;
  std::vector<std::pair<server_id, std::string>> wanted_;
  clock::time_point looked_after_{};

  // How this server keeps up, for stepping aside: writes that the log writer has not finished, and late ticks.
  struct write_under_way {
    uint64_t id;
    clock::time_point since;
    bool has_entries;
  };
  std::deque<write_under_way> writing_;
  clock::time_point last_tick_{}, stepped_aside_{};
  unsigned late_ticks_ = 0;

  // The comparison of this server's state with those of others.
  raft::comparison_plan comparisons_{raft::comparison_plan::options{}};
  std::map<server_id, std::vector<raft::digest_point>> digests_said_; // in this round
  size_t digests_asked_ = 0, digests_missing_ = 0;                    // servers; those that have not answered
  clock::time_point dispute_told_{}, dispute_looked_{};

  std::deque<std::pair<uint64_t, clock::time_point>> tick_times_; // when the newest ticks came, for the lease

  telemetry::series& proposed_ = telemetry::counter("raft.apply");
  telemetry::series& commit_time_ = telemetry::sample("raft.commitTime"); // ms
};

} // namespace actord
