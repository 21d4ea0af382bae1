// A server whose disk forgot a part of its log, though it may have acknowledged it. Until it has everything again it promises
// nothing that rests on a whole log: it grants no vote and no pre-vote and does not campaign. It acknowledges what it
// really has, for that is true. Term and vote are known (they are kept twice); a server that lost both does not start.
//
// It is whole again when it holds the log of a leader of its term up to an index X that this leader named, as its last one, after
// the server had started: the server sends a number drawn at the start with its answers, the leader sends it back beside X.
// Why that is enough. Let e be an entry that this server acknowledged before and that is committed or ever will be.
//  1. e was acknowledged in the leader's term T. A leader only appends, so e lies at or before its last index, which is X or was
//     smaller when X was named; without the number drawn, a late message could name an X of before e.
//  2. e was acknowledged in an older term T0 < T. A majority acknowledged e in T0 before it voted in T (or e is never
//     committed by T0's leader), and it has a server in common with the majority that elected T's leader. That server had e when it
//     voted: if it is this one, it voted before the damage, since it does not vote while it recovers; if it is another one, its log
//     is whole, or it would not have voted. So the leader's log has e (paper 5.4.1, 5.4.3), before its first entry of
//     term T, which is at or before X.
// With its log equal to the leader's up to X, this server has e again, on disk. The argument needs what Raft always needs:
// that fewer than a majority forget at a time.
// Literature: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST 2018), whose damaged server likewise neither
// votes nor leads until its log was restored by others; Ongaro's thesis 11.7.3 (a lost disk is a lost server) and 4.2.1 (who
// catches up is not counted), which a server that keeps its name and its vote need not go as far as.
//
// On the wire two fields do that for which a message had no use: the number travels in `commit` of heartbeat_reply and of
// append_reply, and back in `rejected_prev` of a heartbeat, whose `log_index` is then X.
#pragma once
#include "actors/raft/core/types.hpp"
#include <algorithm>

namespace actord::raft {

// Rules that the simulator breaks on purpose.
inline constexpr auto recovering_votes = static_cast<mutation>(64);        // it votes and campaigns
inline constexpr auto recovered_when_heard = static_cast<mutation>(65);    // it calls itself whole when a leader is heard
inline constexpr auto leader_trusts_forgotten = static_cast<mutation>(66); // the leader believes the old acknowledgements

// Sent by a recovering server, believed by nobody but its leader; 0: the sender is whole.
inline uint64_t recovery_number(const message& reply) { return reply.commit.v; }
inline void set_recovery_number(message& reply, uint64_t number) { reply.commit = raft_index{number}; }
inline uint64_t echoed_number(const message& heartbeat) { return heartbeat.rejected_prev.v; }
inline void set_echo(message& heartbeat, uint64_t number, raft_index last) {
  heartbeat.rejected_prev = raft_index{number};
  heartbeat.log_index = last;
}

class recovery {
public:
  void begin(uint64_t number) { *this = {}, number_ = number; }
  bool active() const { return number_ != 0; }
  uint64_t number() const { return number_; }
  // The log is the leader's of that term up to `upto`.
  void matched(raft_term term, raft_index upto) {
    if (!active()) return;
    if (term != matched_in_) matched_in_ = term, matched_ = {};
    matched_ = std::max(matched_, upto);
  }
  // The leader of that term named its last index.
  void named(raft_term term, uint64_t echo, raft_index last) {
    if (!active() || echo != number_ || (named_ && named_in_ == term)) return;
    named_in_ = term;
    named_ = last;
  }
  // True when this ends it. stable: what is durable here.
  bool ends(raft_term term, raft_index stable) {
    if (!active() || !named_ || named_in_ != term || matched_in_ != term || std::min(matched_, stable) < *named_) return false;
    number_ = 0;
    return true;
  }
  void end() { number_ = 0; }
  std::optional<raft_index> target(raft_term term) const { return named_in_ == term ? named_ : std::nullopt; }

private:
  uint64_t number_ = 0;
  raft_term matched_in_, named_in_;
  raft_index matched_;
  std::optional<raft_index> named_;
};

} // namespace actord::raft
