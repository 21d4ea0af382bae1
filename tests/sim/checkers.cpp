#include "tests/sim/checkers.hpp"
#include <fmt/format.h>

namespace actord::sim {

namespace {
constexpr size_t max_search_steps = 300000;
uint64_t payload_hash(const raft::entry& e) { return mix(static_cast<uint64_t>(e.kind), e.bytes()); }
} // namespace

void checkers::leads(const raft::raft_core& core) {
  auto [it, first] = leaders_.emplace(core.term().v, core.self());
  if (it->second != core.self())
    return fail(fmt::format("election safety: {} and {} both lead term {}", it->second, core.self(), core.term().v));
  if (!first) return;
  const auto start = core.entries().compacted().index.v;
  for (size_t i = start; i < committed_.size(); ++i) {
    const settled& s = committed_[i];
    if (s.in_term >= core.term()) continue;
    const raft_index at{i + 1};
    auto own = core.entries().term(at);
    if (!own || *own != s.term)
      return fail(fmt::format("leader completeness: {} leads term {} without entry {} of term {}, committed in term {}",
                              core.self(), core.term().v, at.v, s.term.v, s.in_term.v));
  }
}

void checkers::appended(const server_id& who, const std::vector<raft::entry>& entries, raft_term before) {
  for (const auto& e : entries) {
    auto [it, first] = written_.emplace(std::pair{e.index.v, e.term.v}, written{payload_hash(e), before});
    if (!first && (it->second.payload != payload_hash(e) || it->second.before != before))
      return fail(fmt::format("log matching: entry {} of term {} at {} differs from another server's", e.index.v,
                              e.term.v, who));
    before = e.term;
  }
}

void checkers::committed(const server_id& who, const std::vector<raft::entry>& entries, raft_term in_term) {
  for (const auto& e : entries) {
    if (e.index.v == committed_.size() + 1) committed_.push_back({e.term, payload_hash(e), in_term});
    if (e.index.v > committed_.size())
      return fail(fmt::format("state machine safety: {} commits entry {} before entry {}", who, e.index.v,
                              committed_.size() + 1));
    settled& s = committed_[e.index.v - 1];
    if (s.term != e.term || s.payload != payload_hash(e))
      return fail(fmt::format("state machine safety: {} commits entry {} of term {}, another server that of term {}", who,
                              e.index.v, e.term.v, s.term.v));
    s.in_term = std::min(s.in_term, in_term);
  }
}

void checkers::applied(const server_id& who, raft_index index, uint64_t history) {
  auto [it, first] = applied_.emplace(index.v, history);
  if (!first && it->second != history)
    fail(fmt::format("state machine safety: the state of {} after entry {} differs from another server's", who, index.v));
}

void checkers::acknowledged(raft_index index, const std::string& payload) {
  acknowledged_ = std::max(acknowledged_, index);
  if (index.v == 0 || index.v > committed_.size() ||
      committed_[index.v - 1].payload != mix(static_cast<uint64_t>(raft::entry_kind::command), payload))
    fail(fmt::format("durability: the write acknowledged as entry {} is not committed", index.v));
}

void checkers::at_rest(raft_index commit) {
  if (commit < acknowledged_ || commit < highest_commit())
    fail(fmt::format("durability: at rest with entry {}, though {} was committed", commit.v, highest_commit().v));
}

void checkers::histories(const std::vector<operation>& operations) {
  std::array<std::vector<operation>, key_count> by_key;
  for (const auto& op : operations) by_key[op.key].push_back(op);
  for (size_t key = 0; key < key_count; ++key) {
    switch (check_key(std::move(by_key[key]), max_search_steps)) {
    case verdict::linearizable: break;
    case verdict::undecided: ++undecided_; break;
    case verdict::violated: fail(fmt::format("linearizability: no order explains what clients saw of key {}", key));
    }
  }
}

} // namespace actord::sim
