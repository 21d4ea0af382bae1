#include "runtime/base/snapshot_pace.hpp"
#include <utility>

namespace actord {

namespace {
constexpr int64_t baseline_look_us = 1'000'000;
constexpr uint64_t whole = 256;       // one write, in decayed counts
constexpr uint64_t enough = 50;       // writes, for a baseline
constexpr double tolerated = 1.5;     // times the baseline; 2 is what nobody may feel
constexpr uint64_t slow_share = 50;   // more than one in so many are slow: writes are slow
constexpr uint64_t few = 4;           // the same where hardly anybody writes, for a single one
constexpr uint64_t steps = 512;       // of a rate that was too high, per look near it
constexpr uint64_t forgotten = 8;     // the part of it that is not believed any more when less is too much as well
constexpr uint64_t least_told = 2 << 20; // bytes: less on its way says nothing about the receiver
} // namespace

void write_baseline::look(int64_t now_us, const latency_counts& so_far) {
  if (now_us - looked_ < baseline_look_us) return;
  looked_ = now_us;
  const auto fresh = so_far.since(before_);
  before_ = so_far;
  if (fresh.total() == 0) return; // what is known of earlier writes stays
  for (size_t i = 0; i < latency_counts::buckets; ++i) decayed_.n[i] = decayed_.n[i] * 15 / 16 + fresh.n[i] * whole;
}

void write_baseline::skip(int64_t now_us, const latency_counts& so_far) {
  looked_ = now_us;
  before_ = so_far;
}

int64_t write_baseline::p99() const { return decayed_.total() < enough * whole ? 0 : decayed_.quantile(0.99); }

snapshot_pace::snapshot_pace(const options& o, int64_t now_us, int64_t baseline_p99, const latency_counts& so_far)
    : options_(o), rate_(o.first),
      slow_from_(baseline_p99 == 0 ? o.unknown_us : std::max(o.shortest_us, static_cast<int64_t>(static_cast<double>(baseline_p99) * tolerated))),
      before_(so_far), looked_(now_us), filled_(now_us) {}

void snapshot_pace::lower_to(uint64_t rate, uint64_t too_high) {
  rate_ = std::clamp(rate, options_.lowest, options_.highest);
  bound_ = std::max(too_high, bound_ - bound_ / forgotten);
  step_ = bound_ / steps;
}

void snapshot_pace::grow() {
  uint64_t more = rate_ / 8; // doubled in 60 ms: writes that it makes slow are known when they end
  if (const auto near = bound_ / 4 * 3; bound_ != 0 && rate_ < near) {
    more = std::min(more, near - rate_);
  } else if (bound_ != 0) {
    more = step_;
    if (rate_ > bound_) step_ += step_ / 8 + 1;
  }
  rate_ = std::min(options_.highest, rate_ + more);
}

void snapshot_pace::look(int64_t now_us, const latency_counts& so_far, int64_t waiting_us, uint64_t there) {
  const auto took = now_us - looked_;
  if (took < options_.look_us) return;
  const auto fresh = so_far.since(before_);
  const auto slow = fresh.from(slow_from_), all = fresh.total();
  const auto sent = std::exchange(sent_, 0), arrived = there - std::min(there, there_);
  looked_ = now_us;
  before_ = so_far;
  there_ = there;
  const bool harmed = waiting_us >= slow_from_ || slow * few > all || (slow > 1 && slow * slow_share > all);
  const bool behind = sent > arrived + arrived / 8 && sent > least_told;
  if (harmed) {
    // Writes that were late already when the rate was lowered do not count again.
    if (!settling_) lower_to(rate_ / 2, rate_);
    settling_ = !settling_;
    pressed_ = false;
    return;
  }
  settling_ = false;
  const bool pressed = std::exchange(pressed_, false);
  if (all == 0 && waiting_us == 0) { // nobody writes
    if (pressed) rate_ = std::min(options_.highest, rate_ * 2);
  } else if (behind) {
    const auto taken = std::min(rate_, static_cast<uint64_t>(static_cast<double>(arrived) * 1e6 / static_cast<double>(took)));
    lower_to(taken / 4 * 3, taken);
  } else if (pressed) { // a rate that disk or line do not reach anyway says nothing about a higher one
    grow();
  }
}

void snapshot_pace::refill(int64_t now_us, uint64_t bytes) {
  const double most = static_cast<double>(bytes) + static_cast<double>(rate_) * static_cast<double>(options_.burst_us) / 1e6;
  allowance_ = std::min(most, allowance_ + static_cast<double>(rate_) * static_cast<double>(now_us - filled_) / 1e6);
  filled_ = now_us;
}

bool snapshot_pace::take(int64_t now_us, uint64_t bytes) {
  refill(now_us, bytes);
  if (allowance_ < static_cast<double>(bytes)) {
    pressed_ = true;
    return false;
  }
  allowance_ -= static_cast<double>(bytes);
  sent_ += bytes;
  return true;
}

int64_t snapshot_pace::wait_us(uint64_t bytes) const {
  const double missing = static_cast<double>(bytes) - allowance_;
  return missing <= 0 ? 0 : static_cast<int64_t>(missing * 1e6 / static_cast<double>(rate_)) + 1;
}

} // namespace actord
