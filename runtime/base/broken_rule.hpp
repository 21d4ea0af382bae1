// Rules that the simulator of whole nodes breaks on purpose, one at a time, to show that its checkers see. Only the
// simulator's own build of the actors defines ACTORD_BREAKABLE; everywhere else `broken` is the constant false, and what
// depends on it is not compiled.
#pragma once
#include <cstdint>

namespace actord {

enum class rule : uint8_t {
  none,
  answer_when_applied,     // a write is answered once it is applied
  sync_before_written,     // the log writer says "written" once it is synced
  read_within_lease,       // a leader answers reads by itself only while its lease lasts
  lease_from_round,        // the lease counts from the round's sending, not from its answers
  lead_when_applied,       // a leader answers reads by itself once it has applied what is committed
  unknown_is_final,        // what may have been written is not tried again
  lost_leadership_is_unknown, // a write under way when leadership was lost is not called "nothing was written"
  follower_asks,           // a follower asks the leader before a read
  follower_waits,          // and waits until it has applied as much as the leader says
  held_once,               // a held command is proposed once
  vote_is_written,         // the vote is part of the hard state on disk
  cut_behind_snapshot,     // the log is cut only behind a durable snapshot
  snapshot_has_members,    // a snapshot carries the configuration of its place
  install_after_log,       // a snapshot from elsewhere is loaded once the log is durable behind it
  every_entry_applied,     // a server applies every committed entry, whoever proposed it
  forgetful_recovers,      // a server that begins with a new log votes for nobody until it has everything again
  renewal_counts,          // a renewal gives a session its whole time again
  leader_gives_time,       // and so does every new leader
  end_is_tried_again,      // a session's end that could not be written is tried again
  leader_ends_sessions,    // who does not lead any more ends no session
  delayed_lock_waits,      // a key whose holder's session ended is not given before its lock delay is over
  everybody_notes_delays,  // whoever leads next knows of it, too
  lock_waits_for_state,    // and a leader that does not know yet lets locks wait
  registration_synced,     // a registration is answered once the journal is synced
  ttl_state_kept,          // a TTL check's state is kept over a restart
  ttl_begins_anew,         // an update gives a TTL check its whole time again
  catalog_compared,        // an agent compares the catalog with what it has
  aliens_go,               // what the catalog has of an agent that the agent has not is taken out
  leaver_is_silent,        // an agent that leaves tells the catalog nothing more
  join_tried_again,        // who cannot join tries again
  accused_refutes,         // who is accused and alive says so
  suspects_die,            // a suspect of whom nothing is heard is dead in the end
  leader_walks,            // a new leader looks at all members
  failed_stay,             // a member that failed stays in the catalog
  left_go,                 // and one that left goes
  members_are_current,     // the leader compares the catalog with the members as they are
  journal_is_replayed,     // what the log's journal holds is part of the log
  journal_is_written,      // and is on the disk before anybody hears of it
  oldest_reads_all,        // no command is written that a server of the cluster cannot read
  old_stay_out,            // and no server is taken in that cannot read what was written
  clusters_stay_apart,     // nor one that has the log of another cluster, and such a one is not listened to
};

#ifdef ACTORD_BREAKABLE
inline thread_local rule broken_rule = rule::none; // of this thread's run
inline bool broken(rule r) { return broken_rule == r; }
#else
constexpr bool broken(rule) { return false; }
#endif

} // namespace actord
