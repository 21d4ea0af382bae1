// In-process messages between actors. Structs with named fields; they never leave the process (what does has a wire
// format of its own), so CAF is told not to look for an inspect. Noun + verb; big payloads are shared, not copied.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/ids.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/model/changes.hpp"
#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace actord {

// ---- writes --------------------------------------------------------------------------------------------------
struct proposal {
  uint64_t id = 0; // the sender's; comes back in proposals_done
  std::string command;
};
// Commands to be replicated, in order. Sent to the router (on a server the raft actor). The answer goes to `reply_to` as one
// proposals_done per batch of entries that were applied together, not as a CAF response: one message for many commands.
struct proposals {
  std::vector<proposal> batch;
  caf::strong_actor_ptr reply_to;
};
struct proposal_outcome {
  uint64_t id = 0;
  apply_result result; // failure.code: no_leader (nothing was written), unknown_outcome, or the state's refusal
};
struct proposals_done {
  std::vector<proposal_outcome> outcomes;
};
// The same for one command, as a CAF request: for senders that are not on the hot path. Answer: apply_outcome, with the
// failure inside rather than as a CAF error.
struct propose_one {
  std::string command;
};
struct apply_outcome {
  apply_result result;
};

// What the local agent, a pool and coordinates answer to most of what they are asked.
struct agent_done { error failure; }; // errc::none when done; the text is Consul's

// ---- reads -----------------------------------------------------------------------------------------------------
// May I answer a read that must see all that was acknowledged before now? Answered to `reply_to` by reads_allowed, once
// this server has applied enough. `confirm` asks for a round of heartbeats (?consistent) instead of the leader's lease.
// With `at_least` and without `confirm` no leader is asked: the read wants to see what was written up to that index.
struct read_wanted {
  uint64_t id = 0; // the sender's
  bool confirm = false;
  uint64_t at_least = 0;
  caf::strong_actor_ptr reply_to;
};
struct reads_allowed {
  std::vector<uint64_t> ids;
  error failure; // errc::no_leader after the hold time-out
};

// ---- waiting -------------------------------------------------------------------------------------------------
// Wake `sink` once with watch_fired{id} when any of the topics changes after `seen` (the applied index of the view in which
// the sender looked). Fires at once when something was applied in between.
struct watch_add {
  uint64_t id = 0; // the sink's; unique per sink
  std::vector<topic> topics;
  raft_index seen;
  caf::strong_actor_ptr sink;
};
struct watch_remove {
  std::vector<uint64_t> ids;
  caf::strong_actor_ptr sink;
};
struct watch_fired {
  std::vector<uint64_t> ids;
  raft_index index; // the state has applied at least this
};
struct state_changed {
  std::shared_ptr<const change_set> changes;
};

// ---- raft, log writer, state ---------------------------------------------------------------------------------
struct stored_entry { // one entry on its way to the log
  raft_index index;
  raft_term term;
  uint8_t kind = 0;
  std::shared_ptr<const std::string> payload;
};
struct log_write { // raft → log writer; done in the order of write_id
  uint64_t write_id = 0;
  std::optional<std::pair<raft_index, raft_term>> restore;
  std::optional<std::pair<raft_index, std::string>> restore_members; // with restore: the configuration there, encoded
  std::vector<stored_entry> append;
  std::optional<std::pair<raft_term, std::string>> hard;
};
struct log_flush {};
struct log_cut { // raft → log writer
  raft_index upto;
};
struct apply_retry {};
struct state_install { // raft → state actor: the log now begins after this snapshot; load it
  std::string path;
  raft_index index;
};
struct snapshot_tick {};
struct committed_entry { // to the state actor
  raft_index index;
  std::shared_ptr<const std::string> command; // null: a no-op
  uint64_t id = 0;                            // of the proposal, 0 when it was not made here
  caf::strong_actor_ptr reply_to;
};
struct entries_committed {
  std::vector<committed_entry> entries;
};
struct entries_applied { // state → raft
  raft_index upto;
};
struct log_written { // log writer → raft
  uint64_t write_id = 0;
  error failure; // storage_full …: the batch is not on disk
};
struct log_cut_wanted { // state → raft → log writer: a durable snapshot holds everything up to here
  raft_index upto;
};
struct raft_ticked {};
struct leader_query {
  bool ask_leader = false; // false: what this server knows; true: what the leader knows (last contact, indexes)
};
struct server_view { // one server of the configuration
  std::string id, name, address; // name "" while it never said hello
  bool leader = false, voter = true;
  bool non_voter = false; // its hello says that it never wants to vote
  // Known to the leader only; -1 when never heard.
  int64_t last_contact_ms = -1;
  uint64_t last_term = 0, last_index = 0;
};
// Adds, changes or removes one server of the Raft configuration; answered when the change is committed. Only one is
// under way at a time.
struct membership_change {
  enum class kind : uint8_t { add_voter, add_learner, remove };
  kind what = kind::add_voter;
  std::string id, address; // remove: either is enough
};
struct leadership_transfer {
  std::string to; // a server's id; "" lets the leader choose
};
struct autopilot_ticked {};
struct leader_info {
  std::string address; // "ip:8300" or ""
  uint64_t term = 0;
  std::vector<std::string> peers;
  std::string leader_id;
  uint64_t configuration_index = 0; // of the newest membership entry
  std::vector<server_view> servers;
  std::vector<std::pair<std::string, std::string>> stats; // of /v1/agent/self, group raft
};

} // namespace actord

#define ACTORD_LOCAL_MESSAGE(T) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(T)
ACTORD_LOCAL_MESSAGE(actord::proposals)
ACTORD_LOCAL_MESSAGE(actord::proposals_done)
ACTORD_LOCAL_MESSAGE(actord::propose_one)
ACTORD_LOCAL_MESSAGE(actord::apply_outcome)
ACTORD_LOCAL_MESSAGE(actord::agent_done)
ACTORD_LOCAL_MESSAGE(actord::watch_add)
ACTORD_LOCAL_MESSAGE(actord::watch_remove)
ACTORD_LOCAL_MESSAGE(actord::watch_fired)
ACTORD_LOCAL_MESSAGE(actord::state_changed)
ACTORD_LOCAL_MESSAGE(actord::entries_committed)
ACTORD_LOCAL_MESSAGE(actord::entries_applied)
ACTORD_LOCAL_MESSAGE(actord::log_written)
ACTORD_LOCAL_MESSAGE(actord::log_cut_wanted)
ACTORD_LOCAL_MESSAGE(actord::raft_ticked)
ACTORD_LOCAL_MESSAGE(actord::leader_query)
ACTORD_LOCAL_MESSAGE(actord::leader_info)
ACTORD_LOCAL_MESSAGE(actord::membership_change)
ACTORD_LOCAL_MESSAGE(actord::leadership_transfer)
ACTORD_LOCAL_MESSAGE(actord::read_wanted)
ACTORD_LOCAL_MESSAGE(actord::reads_allowed)
ACTORD_LOCAL_MESSAGE(actord::log_write)
ACTORD_LOCAL_MESSAGE(actord::log_flush)
ACTORD_LOCAL_MESSAGE(actord::log_cut)
ACTORD_LOCAL_MESSAGE(actord::apply_retry)
ACTORD_LOCAL_MESSAGE(actord::autopilot_ticked)
ACTORD_LOCAL_MESSAGE(actord::state_install)
ACTORD_LOCAL_MESSAGE(actord::snapshot_tick)
