// The Raft state machine: one server's view of the replicated log. Decides everything, does nothing: facts go in as
// calls, effects come out by drain() (see raft::ready for the order in which to carry them out). Owned by one thread.
//
// Which message waits for which write (paper, figure 2; thesis 10.2.1 for the leader's parallel write):
//   vote, vote_reply, and every other message after a change of term or vote   the write with that hard state
//   append_reply that acknowledges entry i                                      the write with entry i
//   append, heartbeat, heartbeat_reply, pre_vote, pre_vote_reply, timeout_now   nothing more
// The server's own vote and its own copy of an entry count only once the write that holds them is synced, and an entry
// is handed out as committed only when it is durable here too, so the state machine is never ahead of the log.
#pragma once
#include "actors/raft/core/log.hpp"
#include "actors/raft/core/membership.hpp"
#include "actors/raft/core/progress.hpp"
#include "actors/raft/core/quorum.hpp"
#include "actors/raft/core/read_index.hpp"
#include "actors/raft/core/recovery.hpp"
#include "actors/raft/core/types.hpp"
#include "runtime/base/prng.hpp"
#include <deque>
#include <map>

namespace actord::raft {

class raft_core {
public:
  // Starts as a follower with what the disk holds. `reader` outlives the core. `stored` that contradicts itself
  // (applied beyond the log's end) is an error. A cluster of one campaigns at once: drain right after.
  // recovering: 0, or a number drawn for this start: the log lacks what this server may have acknowledged (recovery.hpp). The point before the log's
  // first entry may then be the state machine's index, with term 0 when that is unknown. Who recovers is no cluster of one, whatever an old
  // configuration says.
  static result<std::unique_ptr<raft_core>> open(options o, const stored_state& stored, log_reader& reader,
                                                 prng random, uint64_t recovering = 0);

  bool is_recovering() const { return recovery_.active(); } // false once it is whole

  // ---- facts ---------------------------------------------------------------------------------------------------
  void tick();                  // one unit of time has passed
  void step(message m);         // a message has come in; unknown senders and stale terms are dealt with here
  // Returns the entry's index, or 0 with a rejection in the next ready. The command is moved, never copied.
  raft_index propose(std::string command, uint64_t cookie);
  // Sets the bootstrap configuration (options::members) of a server that was started without one. Ignored when there is
  // a configuration already, or an entry in the log. Whoever bootstraps several servers gives all of them the same.
  void bootstrap(membership initial);
  // A leader writes a new configuration to the log (thesis 4.1); it is in force here at once, and for good when it comes
  // out as committed, with its cookie. At most one voter may come or go at a time; learners and addresses change
  // freely. Returns the entry's index, or 0 with a rejection in the next ready. A leader that takes itself out of the
  // voters goes on until the change is committed, then steps down and asks the best successor to campaign.
  raft_index change_membership(membership next, uint64_t cookie);
  void read_index(uint64_t cookie); // answered by ready::reads or ready::rejected
  void synced(uint64_t write_id);   // this write and all before it are durable
  void applied(raft_index up_to);   // the state machine has applied these
  // Entries up to here, all applied, are about to go from the disk. Call before they are cut: afterwards a read for a
  // slow follower could meet the gap, which halts the core.
  void compacted(log_point upto);
  // How the sending of a snapshot asked for by ready::snapshots ended. `at` is the snapshot's place.
  void snapshot_sent(const server_id& to, raft_index at, bool arrived);
  void transfer_leadership(const server_id& to); // thesis 3.10; given up after an election time-out
  void campaign();                               // start an election now (a pre-vote first)

  // ---- effects -------------------------------------------------------------------------------------------------
  bool has_ready() const; // would drain() return anything
  ready drain();

  // ---- views ---------------------------------------------------------------------------------------------------
  raft::role role() const { return role_; }
  bool is_leader() const { return role_ == raft::role::leader; }
  raft_term term() const { return hard_.term; }
  const server_id& vote() const { return hard_.vote; }
  const server_id& leader() const { return leader_; }
  const server_id& self() const { return options_.self; }
  raft_index commit_index() const { return commit_; }
  raft_index last_index() const { return log_.last_index(); }
  raft_index first_index() const { return log_.compacted().index.next(); }
  raft_index stable_index() const { return log_.stable_index(); }
  // The leader knows that no other leader can have been elected: a quorum answered a heartbeat sent less than
  // election_ticks ago, and it has committed in its term (thesis 6.4.1). As good as the servers' clocks agree.
  bool has_lease() const;
  const entry_log& entries() const { return log_; }
  // The configuration in force and the index of its entry; 0 for the bootstrap configuration.
  const membership& members() const { return config_.current(); }
  raft_index members_index() const { return config_.index(); }
  // The newest configuration at or before an index that is not inside the compacted part, for a snapshot of that place;
  // null when the log held none by then.
  const std::pair<raft_index, membership>* members_at(raft_index at) const { return config_.at(at); }
  uint64_t now_ticks() const { return now_; } // since the start
  // When the newest heartbeat round that a quorum answered was sent: the lease ends election_ticks later. Meaningful
  // while lease_known().
  uint64_t lease_tick() const { return lease_tick_; }
  bool lease_known() const { return lease_known_; }
  const progress* progress_of(const server_id& id) const;
  bool is_transferring() const { return !transferee_.empty(); } // proposals are refused meanwhile

private:
  raft_core(options o, const stored_state& stored, log_reader& reader, prng random);
  bool broken(mutation m) const { return options_.broken == m; }
  bool alone() const { return members().voters.size() == 1 && members().is_voter(options_.self); }

  // raft_core.cpp
  void halt(error e);
  void set_hard(raft_term term, const server_id& vote);
  void send(message m, uint64_t after = 0);
  void hold(message m, uint64_t after);
  void release_held();
  void become_follower(raft_term term, const server_id& leader);
  void draw_timeout();
  bool is_strangers_answer(const message& m) const;
  bool step_term(const message& m);
  void cut_writes(raft_index last);
  void advance_commit(raft_index to);
  void collect_committed(ready& out);
  void collect_write(ready& out);
  uint64_t next_write() const { return last_write_ + 1; }
  uint64_t write_covering(raft_index i) const;
  void reject(uint64_t cookie, reject_reason why, bool is_read = false);

  // configuration.cpp
  bool may_campaign() const;
  raft_index append_members(membership m, uint64_t cookie);
  void use_members(raft_index at, membership m);
  void members_changed();
  void members_committed();
  void order_successor();
  void count_wrongly();

  // candidate.cpp
  void start_pre_vote();
  void start_election(bool transfer);
  void ask_for_votes(message_kind kind, raft_term term, bool transfer);
  void handle_vote_request(const message& m);
  void handle_vote_reply(const message& m);
  void count_vote(const server_id& from, bool granted);
  bool in_lease() const;

  // follower.cpp
  bool accept_leader(const message& m);
  void handle_append(message& m);
  bool store_entries(message& m);
  void refuse(const message& m);
  void handle_heartbeat(const message& m);
  void handle_install_snapshot(const message& m);
  void restore_members(const message& m);
  void acknowledge(const server_id& leader, raft_index match);
  void learn_cut_term(const message& m);
  void maybe_recovered();

  // leader.cpp
  void become_leader();
  void step_down_cleanup();
  raft_index append_own(entry_kind kind, std::string payload, uint64_t cookie);
  void tick_leader();
  void check_quorum();
  void handle_append_reply(const message& m);
  void handle_heartbeat_reply(const message& m);
  void send_appends(const server_id& to, progress& p, bool even_empty);
  bool send_one_append(const server_id& to, progress& p, size_t max_entries, bool even_empty);
  void note_recovery(const message& reply, progress& p);
  void finish_transfer();
  void broadcast_heartbeat();
  void maybe_commit();
  void flush_leader();
  void release_reads();
  uint64_t quorum_round() const;

  struct held_message {
    uint64_t after; // the write that must be synced first
    message m;
  };
  struct pending_write {
    uint64_t id;
    raft_index last; // the log is durable up to here once this write is; lowered when a conflict cuts the log
  };

  options options_;
  configurations config_;
  bool config_news_ = false; // the configuration in force is not the one last told
  bool config_open_ = false; // leader: the newest configuration is of this term and not committed yet
  prng random_;
  entry_log log_;
  recovery recovery_;
  hard_state hard_;
  raft::role role_ = raft::role::follower;
  server_id leader_;
  raft_index commit_;
  raft_index handed_;  // the last entry handed out as committed
  raft_index applied_; // the last one reported as applied
  uint64_t now_ = 0;   // ticks since the start
  bool restarted_ = false; // had a term before the start
  uint64_t elapsed_ = 0;  // ticks since the leader was heard (follower), since the last quorum check (leader)
  uint64_t timeout_ = 0;  // randomised election time-out, in ticks
  uint64_t heartbeat_elapsed_ = 0;

  bool hard_changed_ = false;
  uint64_t hard_write_ = 0; // the write that holds the current term and vote
  std::optional<log_point> restore_;
  std::optional<std::pair<raft_index, membership>> restore_members_;
  uint64_t last_write_ = 0, synced_write_ = 0;
  std::deque<pending_write> writes_;
  std::deque<held_message> held_;
  std::vector<message> outbox_;
  std::vector<rejection> rejected_;
  std::vector<server_id> snapshots_wanted_;
  role_change told_;
  std::optional<error> fault_;
  bool halted_ = false;

  vote_tally votes_;
  // Leader only; self included. Ordered, so that a run from a seed is the same everywhere.
  std::map<server_id, progress> progress_;
  raft_index term_start_; // the first entry of this leader's term
  size_t uncommitted_bytes_ = 0;
  bool replicate_wanted_ = false;
  uint64_t round_ = 0;                                    // last heartbeat round sent
  std::deque<std::pair<uint64_t, uint64_t>> round_ticks_; // round, tick at which it was sent
  uint64_t lease_tick_ = 0;                               // when the newest round that a quorum answered was sent
  bool lease_known_ = false;
  std::vector<uint64_t> scratch_; // for quorum_reached, kept to spare an allocation per answer
  read_queue reads_;
  std::vector<read_state> reads_ready_;
  bool lease_void_ = false; // a transfer was ordered in this term: its election does not respect the lease
  server_id transferee_;
  uint64_t transfer_elapsed_ = 0;
};

} // namespace actord::raft
