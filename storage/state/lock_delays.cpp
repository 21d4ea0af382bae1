#include "storage/state/lock_delays.hpp"
#include <utility>

namespace actord {

void lock_delays::start(table::iterator at, clock::time_point now) {
  at->second.begun = true;
  at->second.until = now + at->second.delay;
  by_time_.emplace(at->second.until, at->first);
}

void lock_delays::forget(table::iterator at) {
  if (at->second.begun) by_time_.erase({at->second.until, at->first});
  held_.erase(at);
}

void lock_delays::found(const std::vector<record>& all) {
  std::lock_guard hold(mutex_);
  table before;
  before.swap(held_);
  by_time_.clear();
  all_begun_ = true;
  for (auto& r : all) {
    const auto at = held_.insert_or_assign(r.key, held{r.delay, r.index}).first;
    const auto known = before.find(r.key);
    if (known != before.end() && known->second.begun && known->second.index >= r.index) start(at, known->second.until - r.delay);
    else all_begun_ = false;
  }
  count_.store(held_.size(), std::memory_order_release);
}

void lock_delays::begin(clock::time_point now) {
  std::lock_guard hold(mutex_);
  if (std::exchange(all_begun_, true)) return;
  for (auto at = held_.begin(); at != held_.end(); ++at)
    if (!at->second.begun) start(at, now);
}

void lock_delays::note(const std::vector<released_lock>& released, uint64_t index, clock::time_point now) {
  if (released.empty()) return;
  std::lock_guard hold(mutex_);
  for (auto& r : released) {
    if (const auto known = held_.find(r.key); known != held_.end()) forget(known);
    if (r.delay.count() > 0) start(held_.emplace(r.key, held{r.delay, index}).first, now);
  }
  count_.store(held_.size(), std::memory_order_release);
}

bool lock_delays::delayed(std::string_view key, clock::time_point now) {
  std::lock_guard hold(mutex_);
  const auto at = held_.find(key);
  return at != held_.end() && (!at->second.begun || at->second.until > now);
}

std::vector<lock_delays::record> lock_delays::over(clock::time_point now, size_t most) {
  std::lock_guard hold(mutex_);
  std::vector<record> out;
  for (auto& [until, key] : by_time_) {
    if (until > now || out.size() >= most) break;
    out.push_back({std::string(key), {}, held_.find(key)->second.index});
  }
  return out;
}

namespace state {

namespace {

// key → u64 nanoseconds, u64 index of the session's end
lock_delays::record decode_delay(std::string_view key, std::string_view record) {
  if (record.size() != 16) lmdb::raise_corrupt("a lock delay");
  return {std::string(key), nanos(static_cast<int64_t>(load_number(record))), load_number(record.substr(8))};
}

} // namespace

void put_lock_delay(writing& w, const std::string& key, nanos delay) {
  auto* p = lmdb::reserve(w.txn, w.t.lock_delays, key, 16);
  lmdb::store_be64(p, static_cast<uint64_t>(delay.count()));
  lmdb::store_be64(p + 8, w.index);
  w.released.push_back({key, delay});
}

void lift_lock_delay(writing& w, std::string_view key, uint64_t upto) {
  std::string_view record;
  if (!lmdb::get(w.txn, w.t.lock_delays, key, record) || decode_delay(key, record).index > upto) return;
  lmdb::erase(w.txn, w.t.lock_delays, key);
  w.released.push_back({std::string(key), {}});
}

std::vector<lock_delays::record> all_lock_delays(const lmdb::transaction& txn, const tables& t) {
  std::vector<lock_delays::record> out;
  lmdb::scan(txn, t.lock_delays, {}, [&](std::string_view key, std::string_view record) {
    out.push_back(decode_delay(key, record));
    return true;
  });
  return out;
}

} // namespace state
} // namespace actord
