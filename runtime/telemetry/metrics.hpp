// Counters, gauges and samples with Consul's names, cheap enough for every request: an update is a few relaxed atomic
// operations (below 50 ns). Every 10 s the aggregator closes an interval, which is what /v1/agent/metrics shows.
//
//   static auto& applied = telemetry::counter("raft.apply");          // looked up once, lives for ever
//   applied.add();
//   telemetry::sample("http.GET.v1.kv._").record(milliseconds);
//
// Names are without the prefix ("consul"), which the configuration sets. Any thread may do anything here.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace actord::telemetry {

using label_set = std::map<std::string, std::string>;

// What an interval says about a counter or a sample.
struct aggregate {
  uint64_t count = 0;
  double sum = 0, sum_of_squares = 0, least = 0, most = 0;
  double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  double deviation() const;
  void merge(const aggregate& o);
};

// A counter or a sample: both are sequences of numbers, counted and summed. Threads share a few shards.
class series {
public:
  void record(double value);
  void add(double value = 1) { record(value); }

  aggregate take();             // what came since the last take
  aggregate look() const;       // the same without taking it
  double quantile(double q) const; // of everything, to within 12 %

private:
  struct alignas(64) shard {
    std::atomic<uint64_t> count{0};
    std::atomic<double> sum{0}, sum_of_squares{0}, least{0}, most{0};
  };
  static constexpr size_t shards = 4, buckets = 160; // buckets: four per power of two from 2^-20 up
  static size_t bucket_of(double value);
  std::array<shard, shards> shards_;
  std::array<std::atomic<uint32_t>, buckets> histogram_{};
};

class gauge_value {
public:
  void set(double v) {
    value_.store(v, std::memory_order_relaxed);
    known_.store(true, std::memory_order_release);
  }
  bool known() const { return known_.load(std::memory_order_acquire); }
  double value() const { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<double> value_{0};
  std::atomic<bool> known_{false};
};

// Finds or makes. The reference stays valid; keep it where the path is hot. Beyond 4096 different names and labels all
// further ones share one that is not shown, so that what clients choose cannot fill the memory.
series& counter(std::string_view name, const label_set& labels = {});
series& sample(std::string_view name, const label_set& labels = {});
gauge_value& gauge(std::string_view name, const label_set& labels = {});

struct metrics_options {
  std::string prefix = "consul";
  std::string host;                         // stands before the names of gauges, as go-metrics does; "": nothing
  std::vector<std::string> prefix_filter;   // "+consul.a" shows, "-consul.b" hides; the longest that fits decides
  bool filter_default = true;
  std::string statsd_address;               // "host:port" of an IP address, "" = none; an interval is sent as it closes
  nanos interval = std::chrono::seconds(10);
};

// Starts the thread that closes intervals and reads the process's own gauges (runtime.*); stop_metrics() joins it. Error:
// the statsd address is not one. Until it is started, metrics are gathered and shown as one open interval.
status start_metrics(const metrics_options& o);
void stop_metrics();
void reload_metrics(const std::vector<std::string>& prefix_filter, bool filter_default);
// Ends the interval now, as the thread does every 10 s. `unix_seconds` is its end.
void close_interval(int64_t unix_seconds);

std::string metrics_json();       // the body of /v1/agent/metrics
std::string metrics_prometheus(); // the same for ?format=prometheus: totals since the start
std::string metrics_dump();       // a line each for people, as go-metrics writes at SIGUSR1: the open interval

} // namespace actord::telemetry
