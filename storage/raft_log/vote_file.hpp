// What a damaged log must not take along: term, vote and configurations, a second time, in a file of its own beside data.mdb.
// They change at elections and when servers come and go, so that their own sync costs nothing that is felt. Written before the
// log's transaction: it is at least as new. Closed in order, the log's end stands there as well.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/raft_log/log_store.hpp"
#include <optional>

namespace actord {

struct vote_record {
  raft_term term;
  std::string vote;
  std::vector<stored_log_record> members;                   // as log_store::memberships()
  std::optional<std::pair<raft_index, raft_term>> closed_at; // the log's last entry, when it was closed in order
};

std::string vote_path(const std::string& folder);
// Nothing when there is no such file; errc::corrupt when it is damaged.
result<std::optional<vote_record>> read_vote(const std::string& folder);
result<vote_record> decode_vote(std::string_view bytes); // of the file; errc::corrupt
std::string encode(const vote_record& r);
status write_vote(const std::string& folder, const vote_record& r); // durable when it returns

} // namespace actord
