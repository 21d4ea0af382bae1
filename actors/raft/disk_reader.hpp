// The core reads old entries back through this.
#pragma once
#include "actors/raft/core/types.hpp"
#include "storage/raft_log/log_store.hpp"

namespace actord {

class disk_reader : public raft::log_reader {
public:
  explicit disk_reader(log_store& s) : store_(s) {}
  result<raft_term> term(raft_index at) override { return store_.term(at); }
  result<std::vector<raft::entry>> entries(raft_index lo, raft_index hi, size_t max_bytes) override {
    auto stored = store_.entries(lo, hi, max_bytes);
    if (!stored) return stored.err();
    std::vector<raft::entry> out;
    out.reserve(stored->size());
    for (auto& e : *stored)
      out.push_back({e.index, e.term, static_cast<raft::entry_kind>(e.kind), 0, std::make_shared<const std::string>(std::move(e.payload))});
    return out;
  }

private:
  log_store& store_;
};

} // namespace actord
