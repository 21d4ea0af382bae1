// All metrics of the process: what metrics.hpp finds, and what the formats read. Private to runtime/telemetry.
#pragma once
#include "runtime/telemetry/metrics.hpp"
#include <map>
#include <mutex>

namespace actord::telemetry {

struct metric_key {
  std::string name;
  label_set labels;
  auto operator<=>(const metric_key&) const = default;
};

struct recorded {
  series now;         // since the last interval ended
  aggregate finished; // the last whole interval; guarded by registry::mutex, as total
  aggregate total;    // of all finished intervals
};

struct registry {
  static registry& instance();
  template <class T> T& find(std::map<metric_key, T>& table, T& overflow, std::string_view name, const label_set& labels);
  bool shown(const std::string& full_name) const; // with the mutex held
  std::string gauge_name(const metric_key& key) const { return options.prefix + "." + (options.host.empty() ? "" : options.host + ".") + key.name; }

  static constexpr size_t most_metrics = 4096;
  std::mutex mutex; // the maps and everything below; not the updates
  std::map<metric_key, recorded> counters, samples;
  std::map<metric_key, gauge_value> gauges;
  recorded lost;
  gauge_value lost_gauge;
  metrics_options options;
  int64_t finished_at = 0; // Unix seconds; 0 = no interval has ended yet
};

} // namespace actord::telemetry
