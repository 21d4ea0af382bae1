#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/registry.hpp"
#include <algorithm>
#include <bit>
#include <cmath>

namespace actord::telemetry {
namespace {

size_t own_shard() {
  static std::atomic<size_t> next{0};
  thread_local size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

void raise(std::atomic<double>& a, double v, bool (*better)(double, double)) {
  double had = a.load(std::memory_order_relaxed);
  while (better(v, had) && !a.compare_exchange_weak(had, v, std::memory_order_relaxed)) {}
}

void increase(std::atomic<double>& a, double v) {
  double had = a.load(std::memory_order_relaxed);
  while (!a.compare_exchange_weak(had, had + v, std::memory_order_relaxed)) {}
}

} // namespace

double aggregate::deviation() const {
  auto n = static_cast<double>(count);
  double divisor = n * (n - 1);
  if (divisor <= 0) return 0;
  double square = (n * sum_of_squares - sum * sum) / divisor;
  return square > 0 ? std::sqrt(square) : 0;
}

void aggregate::merge(const aggregate& o) {
  if (o.count == 0) return;
  least = count == 0 ? o.least : std::min(least, o.least);
  most = count == 0 ? o.most : std::max(most, o.most);
  count += o.count;
  sum += o.sum;
  sum_of_squares += o.sum_of_squares;
}

size_t series::bucket_of(double value) {
  if (!(value > 0)) return 0;
  auto bits = std::bit_cast<uint64_t>(value);
  auto exponent = static_cast<int64_t>(bits >> 52) - 1023, quarter = static_cast<int64_t>(bits >> 50 & 3);
  return static_cast<size_t>(std::clamp<int64_t>((exponent + 20) * 4 + quarter, 0, buckets - 1));
}

// The first record of an interval sets least and most; two threads of one shard that do so at once may lose one of
// their extremes, which no reader of averages minds.
void series::record(double value) {
  auto& s = shards_[own_shard() % shards];
  if (s.count.fetch_add(1, std::memory_order_relaxed) == 0) {
    s.least.store(value, std::memory_order_relaxed);
    s.most.store(value, std::memory_order_relaxed);
  } else {
    raise(s.least, value, [](double a, double b) { return a < b; });
    raise(s.most, value, [](double a, double b) { return a > b; });
  }
  increase(s.sum, value);
  increase(s.sum_of_squares, value * value);
  histogram_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
}

aggregate series::take() {
  aggregate out;
  for (auto& s : shards_) {
    aggregate one{s.count.exchange(0, std::memory_order_relaxed), s.sum.exchange(0, std::memory_order_relaxed),
                  s.sum_of_squares.exchange(0, std::memory_order_relaxed), s.least.load(std::memory_order_relaxed),
                  s.most.load(std::memory_order_relaxed)};
    out.merge(one);
  }
  return out;
}

aggregate series::look() const {
  aggregate out;
  for (auto& s : shards_)
    out.merge({s.count.load(std::memory_order_relaxed), s.sum.load(std::memory_order_relaxed),
               s.sum_of_squares.load(std::memory_order_relaxed), s.least.load(std::memory_order_relaxed), s.most.load(std::memory_order_relaxed)});
  return out;
}

double series::quantile(double q) const {
  uint64_t all = 0;
  for (auto& b : histogram_) all += b.load(std::memory_order_relaxed);
  if (all == 0) return std::nan("");
  auto wanted = static_cast<uint64_t>(std::ceil(q * static_cast<double>(all)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets; ++i) {
    seen += histogram_[i].load(std::memory_order_relaxed);
    if (seen < std::max<uint64_t>(wanted, 1)) continue;
    double low = std::ldexp(1 + static_cast<double>(i % 4) / 4, static_cast<int>(i / 4) - 20);
    return i == 0 ? 0 : low * 1.1;
  }
  return 0;
}

registry& registry::instance() {
  static auto* the = new registry; // never destroyed: threads that end late still record
  return *the;
}

template <class T> T& registry::find(std::map<metric_key, T>& table, T& overflow, std::string_view name, const label_set& labels) {
  std::lock_guard g(mutex);
  metric_key key{std::string(name), labels};
  auto it = table.find(key);
  if (it != table.end()) return it->second;
  if (counters.size() + samples.size() + gauges.size() >= most_metrics) return overflow;
  return table[std::move(key)];
}

series& counter(std::string_view name, const label_set& labels) {
  auto& r = registry::instance();
  return r.find(r.counters, r.lost, name, labels).now;
}
series& sample(std::string_view name, const label_set& labels) {
  auto& r = registry::instance();
  return r.find(r.samples, r.lost, name, labels).now;
}
gauge_value& gauge(std::string_view name, const label_set& labels) {
  auto& r = registry::instance();
  return r.find(r.gauges, r.lost_gauge, name, labels);
}

void close_interval(int64_t unix_seconds) {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  for (auto* table : {&r.counters, &r.samples}) {
    for (auto& [key, m] : *table) {
      m.finished = m.now.take();
      m.total.merge(m.finished);
    }
  }
  r.finished_at = unix_seconds;
}

} // namespace actord::telemetry
