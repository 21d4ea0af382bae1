// What can be done with a log that log_store::open() calls damaged. Nothing of it is deleted: the file goes on beside the new one,
// as data.mdb.damaged-<seconds>, and the journal likewise.
#pragma once
#include "storage/raft_log/log_store.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <optional>

namespace actord {

struct log_remains {
  std::optional<std::pair<raft_term, std::string>> hard; // term and vote, when a copy of them is whole
  std::vector<stored_log_record> members;                // configurations, likewise
  std::optional<raft_index> last;                        // where the log ended, when that is known for certain
  raft_term after_term;                                  // of the entry before the first of `entries`; 0: not known
  std::vector<stored_log_record> entries;                // whole ones, consecutive, from `after` + 1 on
};
// `after`: what the state holds.
result<log_remains> read_remains(const std::string& folder, raft_index after);

// A new log in place of the damaged one: it begins after (after, after_term) and holds `entries` and of `members` the newest up to
// there. After a crash the old file is there or the new one. Gives the name under which the old one is kept.
result<std::string> begin_anew(const std::string& folder, raft_index after, const log_remains& with, std::string_view suffix = ".damaged-");

} // namespace actord
