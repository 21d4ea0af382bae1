// Jobs that wait for a few threads, in a line per source (a client, say). The source that has had least of the threads' time goes next, so that
// none stands behind more than the job of another that is under way, however many jobs that one has waiting, and however long each takes
// (start-time fair queueing: Goyal, Vin and Cheng, 1996). Within a line what takes little goes before what takes much, four to one, each kind in
// the order of coming. Not thread-safe.
#pragma once
#include "runtime/base/duration.hpp"
#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

namespace actord {

template <class Job> class fair_lines {
public:
  static constexpr nanos much = std::chrono::milliseconds(20); // expected to take no less
  struct turn { // a job that is taken; say took() when it is done
    Job job;
    uint64_t source;
    nanos charged;
    bool is_much;
  };

  // `expected`: how long it will take, as far as is known; zero: it is not.
  void put(uint64_t source, nanos expected, Job job) {
    auto [it, fresh] = lines_.try_emplace(source);
    line& l = it->second;
    if (!l.waits()) l.had = std::max(l.had, now_); // what it did not ask for before is not owed to it
    l.ahead += charge_of(expected);
    const bool is_much = expected >= much;
    auto& kind = is_much ? l.much : l.little;
    if (kind.empty()) order(is_much).emplace(l.had, source);
    kind.push_back({std::move(job), charge_of(expected)});
    ++size_;
  }

  bool has(bool much_too) const { return !with_little_.empty() || (much_too && !with_much_.empty()); }
  size_t size() const { return size_; }

  // The next one; none waits, or only such as take much and are not wanted: nothing.
  std::optional<turn> take(bool much_too) {
    if (!has(much_too)) return std::nullopt;
    const auto [source, is_much] = next(much_too);
    return take_from(source, is_much);
  }

  // The next one of a source that has none under way.
  std::optional<turn> take_of_idle() {
    const auto *a = first_idle(with_little_), *b = first_idle(with_much_);
    if (a && (!b || *a <= *b)) return take_from(a->second, false);
    if (b) return take_from(b->second, true);
    return std::nullopt;
  }
  bool has_of_idle() const { return first_idle(with_little_) || first_idle(with_much_); }

  // What a turn really took counts, not what was expected of it.
  void took(uint64_t source, nanos charged, nanos time) {
    const auto it = lines_.find(source);
    line& l = it->second;
    --l.running;
    leave_order(source, l);
    l.had += time - charged;
    enter_order(source, l);
    if (!l.waits() && l.running == 0) lines_.erase(it);
  }

  // In whose line, of these, another job would have its turn first; one at least.
  uint64_t soonest(std::span<const uint64_t> sources) const {
    return *std::min_element(sources.begin(), sources.end(), [this](uint64_t a, uint64_t b) { return done_at(a) < done_at(b); });
  }

  void clear() { *this = {}; }

private:
  struct waiting {
    Job job;
    nanos charge;
  };
  struct line {
    std::deque<waiting> little, much;
    nanos had{0};   // of the threads' time, from where it came in
    nanos ahead{0}; // that its jobs which wait will take, about
    size_t running = 0;
    int little_in_turn = 0;
    bool waits() const { return !little.empty() || !much.empty(); }
  };
  using by_time = std::set<std::pair<nanos, uint64_t>>;

  // As many lines have jobs under way as there are threads, so that it is soon found.
  const std::pair<nanos, uint64_t>* first_idle(const by_time& order) const {
    for (const auto& entry : order)
      if (lines_.find(entry.second)->second.running == 0) return &entry;
    return nullptr;
  }
  turn take_from(uint64_t source, bool is_much) {
    line& l = lines_.find(source)->second;
    now_ = std::max(now_, l.had);
    l.little_in_turn = is_much ? 0 : l.little_in_turn + 1;
    leave_order(source, l);
    auto& kind = is_much ? l.much : l.little;
    waiting w = std::move(kind.front());
    kind.pop_front();
    --size_;
    ++l.running;
    l.ahead -= w.charge;
    l.had += w.charge;
    enter_order(source, l);
    return turn{std::move(w.job), source, w.charge, is_much};
  }

  static nanos charge_of(nanos expected) { return std::clamp<nanos>(expected, std::chrono::milliseconds(1), std::chrono::hours(1)); }
  by_time& order(bool is_much) { return is_much ? with_much_ : with_little_; }
  void leave_order(uint64_t source, const line& l) {
    with_little_.erase({l.had, source});
    with_much_.erase({l.had, source});
  }
  void enter_order(uint64_t source, const line& l) {
    if (!l.little.empty()) with_little_.emplace(l.had, source);
    if (!l.much.empty()) with_much_.emplace(l.had, source);
  }
  nanos done_at(uint64_t source) const {
    const auto it = lines_.find(source);
    return it == lines_.end() ? now_ : std::max(it->second.had, now_) + it->second.ahead;
  }

  // Whose turn it is, and for a job of which kind.
  std::pair<uint64_t, bool> next(bool much_too) const {
    constexpr int little_before_much = 4;
    if (!much_too || with_much_.empty()) return {with_little_.begin()->second, false};
    if (with_little_.empty()) return {with_much_.begin()->second, true};
    const auto &a = *with_little_.begin(), &b = *with_much_.begin();
    if (a == b) return {a.second, lines_.find(a.second)->second.little_in_turn >= little_before_much};
    return a < b ? std::pair(a.second, false) : std::pair(b.second, true);
  }

  std::unordered_map<uint64_t, line> lines_; // that have jobs waiting or under way
  by_time with_little_, with_much_;          // lines where such a job waits, who has had least first
  nanos now_{0};                             // what whoever was served last had had
  size_t size_ = 0;
};

} // namespace actord
