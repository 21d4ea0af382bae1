// The vocabulary of the Raft core: what goes in, what comes out. Plain values, owned by whoever holds them.
// Terms follow Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm" (the paper) and Ongaro's
// dissertation "Consensus: Bridging Theory and Practice" (the thesis).
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/ids.hpp"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::raft {

// What an entry is. The number is stored in the log and sent between servers: append only.
enum class entry_kind : uint8_t {
  noop = 0,       // opens a leader's term (thesis 6.4); nothing to apply but the index
  command = 1,    // for the state machine
  membership = 2, // the configuration from here on (thesis 4.1), in force as soon as it is in the log
};

// One slot of the log. The payload is immutable and shared between the log's tail, the log writer, the followers'
// messages and the state machine, so copying an entry copies no bytes.
struct entry {
  raft_index index;
  raft_term term;
  entry_kind kind = entry_kind::command;
  uint64_t cookie = 0; // the local proposer's; 0 on entries that came from elsewhere. Neither stored nor sent.
  std::shared_ptr<const std::string> payload; // null is the empty payload
  std::string_view bytes() const { return payload ? std::string_view(*payload) : std::string_view(); }
  size_t size() const { return payload ? payload->size() : 0; }
};

// What must be on disk before a message that depends on it leaves (paper, figure 2: persistent state).
struct hard_state {
  raft_term term;
  server_id vote; // "" when no vote was given in this term
  bool operator==(const hard_state&) const = default;
};

// A place in the log that a snapshot or a compaction stands for: all entries up to `index` are inside it.
struct log_point {
  raft_index index;
  raft_term term;
  bool operator==(const log_point&) const = default;
};

// Who belongs to the cluster. A server is a voter or a learner, never both, and is named once.
struct membership {
  std::vector<server_id> voters;
  std::vector<server_id> learners; // receive the log, are not counted and never campaign (thesis 4.2.1)
  std::map<server_id, std::string> addresses; // where they are reached; the core only carries them
  bool is_voter(const server_id& id) const;
  bool contains(const server_id& id) const;
  bool empty() const { return voters.empty() && learners.empty(); }
  bool operator==(const membership&) const = default;
};

enum class message_kind : uint8_t { // on the wire: append only
  pre_vote = 1, // thesis 9.6
  pre_vote_reply = 2,
  vote = 3, // paper 5.2
  vote_reply = 4,
  append = 5, // paper 5.3
  append_reply = 6,
  heartbeat = 7, // carries a round number for ReadIndex and the lease (thesis 6.4)
  heartbeat_reply = 8,
  install_snapshot = 9, // paper 7; stepped into the core by the receiver once the snapshot's bytes are all there
  timeout_now = 10,     // thesis 3.10, leadership transfer
};

struct message {
  message_kind kind = message_kind::heartbeat;
  server_id from, to;
  raft_term term; // pre_vote: the term the sender would campaign in
  // vote, pre_vote: the sender's last entry. append: the entry before the first one sent. install_snapshot: the
  // snapshot's place. append_reply: the last entry that matches, or, with reject, where the leader may look next.
  raft_index log_index;
  raft_term log_term;
  raft_index commit;        // append, heartbeat: what the receiver may commit
  raft_index rejected_prev; // append_reply with reject: the log_index that was refused
  uint64_t round = 0;       // heartbeat and its reply
  bool reject = false;      // replies
  bool transfer = false;    // vote: the leader itself asked for this election, so its lease does not stand in the way
  std::vector<entry> entries; // append
  // install_snapshot: the configuration at the snapshot's place and the index of its entry (at most log_index). Absent
  // when no configuration had been written to the log by then.
  std::optional<membership> members;
  raft_index members_index;
};

enum class role : uint8_t { follower, pre_candidate, candidate, leader };

// Why a proposal or a read was turned down. Only lost_leadership leaves the outcome of a proposal unknown: the entry is
// in some log and may yet be committed. After the others nothing was written.
enum class reject_reason : uint8_t {
  not_leader,
  lost_leadership,
  transferring,
  overloaded,
  too_large,
  halted,
  change_in_progress, // an earlier configuration, or the leader's first entry, is not committed yet: try again
  invalid_change,     // more than one voter comes or goes, or no voter is left, or a server is named twice
};

struct rejection {
  uint64_t cookie = 0;
  reject_reason reason = reject_reason::not_leader;
  bool is_read = false;
};

// A linearizable read with this cookie may be served from any state that has applied `index` or more.
struct read_state {
  uint64_t cookie = 0;
  raft_index index;
};

struct role_change {
  raft::role role = raft::role::follower;
  raft_term term;
  server_id leader; // "" while unknown
  bool operator==(const role_change&) const = default;
};

// Effects, in the order in which they are to be carried out:
// 1. When write_id is not 0: hand `restore`, `append` and `hard` to the log writer as one unit; writes are done in the
//    order of write_id, and raft_core::synced(write_id) says that this one and all before it are durable. Several may
//    be in flight and may share one sync.
// 2. Send `messages` (they wait for no write of this or a later ready: those that must are held inside the core).
// 3. Apply `committed`, then call raft_core::applied(last index). They are durable here and committed.
// 4. The rest in any order.
struct ready {
  uint64_t write_id = 0;
  std::optional<log_point> restore;  // drop the whole log and start it after this point; load the snapshot it names
  // With restore: the configuration at that point and its index, to be stored along with it (stored_state::memberships).
  std::optional<std::pair<raft_index, membership>> restore_members;
  std::vector<entry> append;         // replaces all that the log holds from append.front().index on
  std::optional<hard_state> hard;    // replaces the stored term and vote
  std::vector<message> messages;
  std::vector<entry> committed;      // consecutive; an entry proposed here still carries its cookie
  std::vector<rejection> rejected;
  std::vector<read_state> reads;
  std::vector<server_id> snapshots;  // followers that need a snapshot: send one, then step its outcome in by
                                     // raft_core::snapshot_sent
  std::optional<role_change> role;   // when role, term or leader changed
  std::optional<membership> members; // when the configuration in force changed, or went back to an older one
  raft_index members_index;          // of its entry; 0 for the bootstrap configuration
  std::optional<error> fault;        // the log could not be read: the core has halted and must be rebuilt
  bool empty() const {
    return write_id == 0 && messages.empty() && committed.empty() && rejected.empty() && reads.empty() &&
           snapshots.empty() && !role && !members && !fault;
  }
};

// Rules that the simulator breaks on purpose to show that its checkers see. Production leaves it at none.
enum class mutation : uint8_t {
  none,
  vote_twice,             // paper 5.2: at most one vote per term
  ack_before_sync,        // paper figure 2: persistent state is updated before responding
  vote_before_sync,       // the same for term and vote
  commit_older_terms,     // paper 5.4.2: only entries of the own term are committed by counting
  skip_up_to_date_check,  // paper 5.4.1
  keep_conflicting,       // paper 5.3: conflicting entries are deleted
  read_without_quorum,    // thesis 6.4
  forget_vote_on_restart, // paper figure 2
  change_two_at_once,     // thesis 4.1: one voter comes or goes at a time
  change_before_own_commit, // thesis 4.1 as amended: only once an entry of the leader's term is committed
  change_while_uncommitted, // thesis 4.1: only once the configuration before is committed
  learner_counts_as_voter,  // thesis 4.2.1
  removed_leader_counts_itself, // thesis 4.2.2
  keep_reverted_members,    // thesis 4.1: a configuration goes with its entry
  snapshot_without_members, // thesis 5.1: a snapshot carries the configuration of its place
  lease_survives_transfer,  // thesis 6.4.1: whoever is told to campaign does not wait for the lease to end
};

struct options {
  server_id self;
  // The bootstrap configuration: in force while neither the log nor stored_state::memberships hold one. May be empty:
  // such a server never campaigns, but follows, votes and takes snapshots.
  membership members;
  uint32_t heartbeat_ticks = 1; // a leader's heartbeat, in ticks
  uint32_t election_ticks = 10; // time-outs are drawn from [election_ticks, 2 * election_ticks); also the lease
  size_t max_batch_bytes = 512 * 1024; // of one append message, unless its first entry alone is larger
  size_t max_batch_entries = 4096;
  size_t max_inflight = 16;                 // append messages under way to one follower
  size_t max_inflight_from_disk = 2;        // the same while its next entry is not in memory any more
  size_t max_command_bytes = 8 << 20;       // larger proposals are refused: too_large
  size_t max_uncommitted_bytes = 64 << 20;  // a leader refuses further proposals: overloaded
  size_t max_pending_reads = 1 << 16;       // further reads are refused: overloaded
  size_t max_tail_bytes = 8 << 20;          // memory for durable entries that followers may need; older ones are read back
  size_t max_apply_bytes = 4 << 20;         // of ready::committed
  uint64_t max_unapplied = 1 << 16;         // entries handed out and not yet reported by applied()
  mutation broken = mutation::none;         // test only
};

// Reads back what the log writer has made durable. Called synchronously from the core, only for entries that were
// reported by synced() or were there at the start; indexes are within [first, last] of that log.
class log_reader {
public:
  virtual ~log_reader() = default;
  virtual result<raft_term> term(raft_index at) = 0;
  // Consecutive entries from lo to at most hi (included), at least one, ending once max_bytes of payload are exceeded.
  virtual result<std::vector<entry>> entries(raft_index lo, raft_index hi, size_t max_bytes) = 0;
};

// What is found on disk at the start.
struct stored_state {
  hard_state hard;
  log_point compacted; // the entry before the log's first one; {0, 0} for a log that was never cut
  raft_index last;     // the log's last entry; compacted.index when it is empty
  raft_index applied;  // by the state machine, at least compacted.index and at most last
  // Configurations by the index of their entry, ascending: those in the log, and before them the newest at or before
  // the compaction point, if there was one.
  std::vector<std::pair<raft_index, membership>> memberships{};
};

} // namespace actord::raft
