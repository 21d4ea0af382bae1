// A disk for a Raft log that forgets what was not synced: writes queue up in order, sync() makes the oldest ones
// durable, crash() loses the rest, of which a random part may have reached the platter all the same. Reads see durable
// entries only, so a core that reads what it must not gets an error.
#pragma once
#include "actors/raft/core/wire.hpp"
#include "runtime/base/prng.hpp"
#include <algorithm>
#include <deque>

namespace actord::test {

// Snapshot is what stands for the state machine's contents.
template <class Snapshot> class virtual_disk final : public raft::log_reader {
public:
  struct write {
    uint64_t id = 0;
    std::optional<std::pair<raft::log_point, Snapshot>> restore;
    std::vector<raft::entry> append;
    std::optional<raft::hard_state> hard;
    std::optional<std::pair<raft_index, raft::membership>> restore_members{};
  };

  void submit(write w) { queue_.push_back(std::move(w)); }
  bool idle() const { return queue_.empty(); }
  // Makes the oldest `count` writes durable; returns the last one's id.
  uint64_t sync(size_t count) {
    uint64_t id = 0;
    for (; count > 0 && !queue_.empty(); --count) {
      id = queue_.front().id;
      put(queue_.front(), SIZE_MAX);
      queue_.pop_front();
    }
    return id;
  }
  size_t queued() const { return queue_.size(); }

  // Power is lost. Of the unsynced writes the first few may have survived, the next one in part: term and vote, and
  // some of its entries.
  void crash(prng& random) {
    size_t survive = random.below(queue_.size() + 1);
    while (survive-- > 0) {
      put(queue_.front(), SIZE_MAX);
      queue_.pop_front();
    }
    if (!queue_.empty() && !queue_.front().restore && random.chance(0.5))
      put(queue_.front(), random.below(queue_.front().append.size() + 1));
    queue_.clear();
  }

  void drop_unsynced() { queue_.clear(); }

  // The log is damaged, and a new one is begun after what the state machine holds (`s`, up to `applied`). Term, vote and
  // configurations are kept twice; the term of the last entry applied is not.
  void lose_log(raft_index applied, Snapshot s) {
    std::optional<std::pair<raft_index, raft::membership>> newest;
    for (auto& m : stored().memberships)
      if (m.first <= applied) newest = m;
    compacted_members_ = std::move(newest);
    log_.clear();
    queue_.clear();
    compacted_ = snapshot_at_ = {applied, {}};
    snapshot_ = std::move(s);
  }

  // A snapshot is written and synced, then the log is cut up to `upto`, which is not beyond it.
  void save_snapshot(raft::log_point at, Snapshot s, raft::log_point upto) {
    snapshot_at_ = at;
    snapshot_ = std::move(s);
    while (!log_.empty() && log_.front().index <= upto.index) {
      if (log_.front().kind == raft::entry_kind::membership) compacted_members_ = read(log_.front());
      log_.pop_front();
    }
    compacted_ = upto;
  }

  raft::stored_state stored() const {
    raft::stored_state out{hard_, compacted_, last(), snapshot_at_.index};
    if (compacted_members_) out.memberships.push_back(*compacted_members_);
    for (const auto& e : log_) {
      if (e.kind == raft::entry_kind::membership) out.memberships.push_back(read(e));
    }
    return out;
  }
  raft_index last() const { return log_.empty() ? compacted_.index : log_.back().index; }
  const raft::log_point& compacted() const { return compacted_; }
  const raft::log_point& snapshot_point() const { return snapshot_at_; }
  const Snapshot& snapshot() const { return snapshot_; }

  result<raft_term> term(raft_index at) override {
    if (!has(at)) return error(errc::internal, "virtual disk: no such entry");
    return log_[at.v - log_.front().index.v].term;
  }
  result<std::vector<raft::entry>> entries(raft_index lo, raft_index hi, size_t max_bytes) override {
    if (!has(lo) || !has(hi)) return error(errc::internal, "virtual disk: no such entries");
    std::vector<raft::entry> out;
    size_t bytes = 0;
    for (raft_index i = lo; i <= hi; i = i.next()) {
      const auto& e = log_[i.v - log_.front().index.v];
      if (!out.empty() && (bytes += e.size()) > max_bytes) break;
      out.push_back(e);
    }
    return out;
  }

private:
  static std::pair<raft_index, raft::membership> read(const raft::entry& e) {
    return {e.index, *raft::decode_membership(e.bytes())};
  }
  bool has(raft_index i) const { return !log_.empty() && i >= log_.front().index && i <= log_.back().index; }
  void put(write& w, size_t max_entries) {
    if (w.hard) hard_ = *w.hard;
    if (w.restore) {
      log_.clear();
      compacted_ = snapshot_at_ = w.restore->first;
      snapshot_ = std::move(w.restore->second);
      compacted_members_ = w.restore_members;
    }
    if (w.append.empty()) return;
    while (!log_.empty() && log_.back().index >= w.append.front().index) log_.pop_back();
    for (size_t i = 0; i < w.append.size() && i < max_entries; ++i) {
      w.append[i].cookie = 0;
      log_.push_back(std::move(w.append[i]));
    }
  }

  std::deque<write> queue_;
  raft::hard_state hard_;
  std::deque<raft::entry> log_;
  raft::log_point compacted_, snapshot_at_;
  Snapshot snapshot_{};
  std::optional<std::pair<raft_index, raft::membership>> compacted_members_;
};

} // namespace actord::test
