#include "actors/raft/core/log.hpp"
#include <algorithm>

namespace actord::raft {

namespace {
// How far floor_of looks for an older term before it settles for a guess; bounds the disk reads of one message.
constexpr uint64_t floor_scan_limit = 1024;

// What an entry costs in memory: its slot, and about as much again for the two blocks that hold a payload.
size_t cost(const entry& e) { return e.size() + 2 * sizeof(entry); }
} // namespace

entry_log::entry_log(log_reader& reader, const stored_state& stored)
    : reader_(reader), compacted_(stored.compacted), last_(stored.last), stable_(stored.last), handed_(stored.last) {}

status entry_log::load() {
  auto t = term(last_);
  if (!t) return t.err();
  last_term_ = *t;
  return {};
}

result<raft_term> entry_log::term(raft_index at) const {
  if (at == compacted_.index) return compacted_.term;
  if (at < compacted_.index || at > last_) return error(errc::internal, "raft log: no such entry");
  if (in_tail(at)) return tail_at(at).term;
  return reader_.term(at);
}

result<bool> entry_log::matches(raft_index at, raft_term t) const {
  if (at < compacted_.index || at > last_) return false;
  auto own = term(at);
  if (!own) return own.err();
  return *own == t;
}

result<raft_index> entry_log::floor_of(raft_index at, raft_term t) const {
  at = std::min(at, last_);
  for (uint64_t n = 0; at > compacted_.index && n < floor_scan_limit; ++n) {
    auto own = term(at);
    if (!own) return own.err();
    if (*own <= t) break;
    at = at.prev();
  }
  return std::max(at, compacted_.index);
}

result<std::vector<entry>> entry_log::slice(raft_index lo, raft_index hi, size_t max_entries,
                                            size_t max_bytes) const {
  std::vector<entry> out;
  hi = std::min(hi, last_);
  if (lo > hi || max_entries == 0) return out;
  if (lo <= compacted_.index) return error(errc::internal, "raft log: entry was compacted");
  if (hi.v - lo.v >= max_entries) hi = raft_index{lo.v + max_entries - 1};
  if (!in_tail(lo)) {
    // One answer comes from one place: the caller asks again for what the tail holds.
    if (!tail_.empty()) hi = std::min(hi, tail_.front().index.prev());
    return reader_.entries(lo, hi, max_bytes);
  }
  out.reserve(hi.v - lo.v + 1);
  size_t bytes = 0;
  for (raft_index i = lo; i <= hi; i = i.next()) {
    const entry& e = tail_at(i);
    bytes += e.size();
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back(e);
  }
  return out;
}

void entry_log::append(entry e) {
  last_ = e.index;
  last_term_ = e.term;
  tail_bytes_ += cost(e);
  tail_.push_back(std::move(e));
}

status entry_log::truncate(raft_index from) {
  if (from > last_) return {};
  if (from <= compacted_.index) return error(errc::internal, "raft log: a compacted entry conflicts");
  auto before = term(from.prev());
  if (!before) return before.err();
  while (!tail_.empty() && tail_.back().index >= from) {
    tail_bytes_ -= cost(tail_.back());
    tail_.pop_back();
  }
  last_ = from.prev();
  last_term_ = *before;
  stable_ = std::min(stable_, last_);
  handed_ = std::min(handed_, last_);
  return {};
}

void entry_log::reset(log_point at) {
  tail_.clear();
  tail_bytes_ = 0;
  compacted_ = at;
  last_ = at.index;
  last_term_ = at.term;
  // The point itself becomes durable with the write that restores it.
  stable_ = std::min(stable_, at.index.prev());
  handed_ = at.index;
}

std::vector<entry> entry_log::take_unwritten() {
  std::vector<entry> out;
  if (handed_ >= last_) return out;
  out.reserve(last_.v - handed_.v);
  for (raft_index i = handed_.next(); i <= last_; i = i.next()) out.push_back(tail_at(i));
  handed_ = last_;
  return out;
}

void entry_log::set_stable(raft_index upto) { stable_ = std::max(stable_, std::min(upto, last_)); }

void entry_log::set_compacted(log_point upto) {
  compacted_ = upto;
  while (!tail_.empty() && tail_.front().index <= upto.index) {
    tail_bytes_ -= cost(tail_.front());
    tail_.pop_front();
  }
}

void entry_log::trim(raft_index upto, size_t max_bytes) {
  const raft_index limit = std::min(upto, stable_);
  while (tail_bytes_ > max_bytes && !tail_.empty() && tail_.front().index <= limit) {
    tail_bytes_ -= cost(tail_.front());
    tail_.pop_front();
  }
}

} // namespace actord::raft
