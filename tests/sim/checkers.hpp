// The rules of the paper's figure 3, checked against everything that any server of a run ever did. They see all servers
// at once, which no server can; the first violation is kept.
#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "tests/sim/linearizability.hpp"
#include <map>
#include <unordered_map>

namespace actord::sim {

class checkers {
public:
  // A server led this term. Election safety, and leader completeness: it has all that was committed in older terms.
  void leads(const raft::raft_core& core);
  // A server put these entries into its log; `before` is the term of the one before the first. Log matching.
  void appended(const server_id& who, const std::vector<raft::entry>& entries, raft_term before);
  // A server knows these entries to be committed, in the term that it is in. State machine safety.
  void committed(const server_id& who, const std::vector<raft::entry>& entries, raft_term in_term);
  // A server has applied everything up to an index; `history` is its state machine's hash.
  void applied(const server_id& who, raft_index index, uint64_t history);
  // A client was told that the write with this entry has taken effect. Durability: the entry is committed.
  void acknowledged(raft_index index, const std::string& payload);

  // At the end, when everything has come to rest on one server's log: all that was acknowledged is part of it.
  void at_rest(raft_index commit);
  void histories(const std::vector<operation>& operations);

  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  raft_index highest_commit() const { return raft_index{committed_.size()}; }
  uint64_t undecided() const { return undecided_; }
  uint64_t terms_led() const { return leaders_.size(); }

private:
  struct written {
    uint64_t payload;
    raft_term before;
  };
  struct settled {
    raft_term term;
    uint64_t payload;
    raft_term in_term; // the lowest term in which a server called it committed
  };
  struct place_hash {
    size_t operator()(const std::pair<uint64_t, uint64_t>& p) const { return mix(p.first, p.second); }
  };
  std::map<uint64_t, server_id> leaders_; // by term
  std::unordered_map<std::pair<uint64_t, uint64_t>, written, place_hash> written_; // by index and term
  std::vector<settled> committed_;        // index i at i - 1
  std::unordered_map<uint64_t, uint64_t> applied_; // index: hash of the state machine
  raft_index acknowledged_;
  uint64_t undecided_ = 0;
  std::string failure_;
};

} // namespace actord::sim
