#include "actors/raft/core/types.hpp"
#include <algorithm>

namespace actord::raft {

bool membership::is_voter(const server_id& id) const {
  return std::find(voters.begin(), voters.end(), id) != voters.end();
}

bool membership::contains(const server_id& id) const {
  return is_voter(id) || std::find(learners.begin(), learners.end(), id) != learners.end();
}

} // namespace actord::raft
