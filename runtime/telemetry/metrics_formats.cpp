// What has been measured, as JSON in the shape of Consul's /v1/agent/metrics and as Prometheus text.
#include "runtime/base/json_writer.hpp"
#include "runtime/telemetry/metric_names.hpp"
#include "runtime/telemetry/registry.hpp"
#include <algorithm>
#include <cmath>
#include <ctime>
#include <fmt/format.h>

namespace actord::telemetry {
namespace {

void write_labels(json_writer& w, const label_set& labels) {
  w.plain_key("Labels");
  w.begin_object();
  for (auto& [k, v] : labels) {
    w.key(k);
    w.string(v);
  }
  w.end_object();
}

void write_series(json_writer& w, std::string_view title, std::map<metric_key, recorded>& all, const registry& r) {
  w.plain_key(title);
  w.begin_array();
  const double seconds = static_cast<double>(r.options.interval.count()) / 1e9;
  for (auto& [key, m] : all) {
    auto a = r.finished_at != 0 ? m.finished : m.now.look();
    auto name = r.options.prefix + "." + key.name;
    if (a.count == 0 || !r.shown(name)) continue;
    w.begin_object();
    w.plain_key("Name");
    w.string(name);
    w.plain_key("Count");
    w.number(a.count);
    for (auto [field, value] : {std::pair{"Rate", a.sum / seconds}, {"Sum", a.sum}, {"Min", a.least}, {"Max", a.most},
                                {"Mean", a.mean()}, {"Stddev", a.deviation()}}) {
      w.plain_key(field);
      w.number(value);
    }
    write_labels(w, key.labels);
    w.end_object();
  }
  w.end_array();
}

std::string prometheus_name(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) c = '_';
  return out;
}

std::string prometheus_labels(const label_set& labels, std::string_view quantile = {}) {
  std::string out;
  for (auto& [k, v] : labels) {
    out += (out.empty() ? "{" : ",") + prometheus_name(k) + "=\"";
    for (char c : v) {
      if (c == '\n') out += "\\n";
      else {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
    }
    out += '"';
  }
  if (!quantile.empty()) out += (out.empty() ? "{quantile=\"" : ",quantile=\"") + std::string(quantile) + "\"";
  return out.empty() ? out : out + "}";
}

std::string prometheus_number(double v) { return std::isnan(v) ? "NaN" : fmt::format("{}", v); }

// The lines before the first metric of a name; the tables are sorted, so that a name's metrics follow each other.
void head(std::string& out, std::string& last, const std::string& name, std::string_view plain, std::string_view type) {
  if (last == name) return;
  last = name;
  auto help = help_of(plain);
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help.empty() ? std::string_view(name) : help, name, type);
}

} // namespace

// The longest of the filter's prefixes that fits decides; of two equal ones the one that hides.
bool registry::shown(const std::string& full_name) const {
  bool out = options.filter_default;
  size_t longest = 0;
  for (auto& rule : options.prefix_filter) {
    if (rule.size() < 2 || !full_name.starts_with(std::string_view(rule).substr(1)) || rule.size() < longest) continue;
    if (rule.size() == longest && !out) continue;
    longest = rule.size();
    out = rule[0] == '+';
  }
  return out;
}

std::string metrics_json() {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  std::string out;
  json_writer w(out);
  w.begin_object();
  auto seconds = std::max<int64_t>(r.options.interval.count() / 1000000000, 1);
  auto start = static_cast<time_t>((r.finished_at != 0 ? r.finished_at - seconds : static_cast<int64_t>(::time(nullptr))) / seconds * seconds);
  tm t{};
  gmtime_r(&start, &t);
  w.plain_key("Timestamp");
  w.string(fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec));
  w.plain_key("Gauges");
  w.begin_array();
  for (auto& [key, m] : r.gauges) {
    auto name = r.gauge_name(key);
    if (!m.known() || !r.shown(name)) continue;
    w.begin_object();
    w.plain_key("Name");
    w.string(name);
    w.plain_key("Value");
    w.number(m.value());
    write_labels(w, key.labels);
    w.end_object();
  }
  w.end_array();
  w.plain_key("Points");
  w.begin_array();
  w.end_array();
  write_series(w, "Counters", r.counters, r);
  write_series(w, "Samples", r.samples, r);
  w.end_object();
  return out;
}

std::string metrics_dump() {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  const auto now = ::time(nullptr);
  tm t{};
  gmtime_r(&now, &t);
  const auto when = fmt::format("[{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC]", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
  std::string out;
  auto full = [&](const metric_key& k) { return r.options.prefix + "." + k.name; };
  for (auto& [key, m] : r.gauges)
    if (m.known() && r.shown(r.gauge_name(key))) out += fmt::format("{}[G] '{}': {:.3f}\n", when, r.gauge_name(key), m.value());
  auto lines = [&](char kind, auto& all) {
    for (auto& [key, m] : all) {
      const auto a = m.now.look();
      if (a.count == 0 || !r.shown(full(key))) continue;
      out += fmt::format("{}[{}] '{}': Count: {} Min: {:.3f} Mean: {:.3f} Max: {:.3f} Stddev: {:.3f} Sum: {:.3f}\n", when, kind, full(key), a.count,
                         a.least, a.mean(), a.most, a.deviation(), a.sum);
    }
  };
  lines('C', r.counters);
  lines('S', r.samples);
  return out;
}

std::string metrics_prometheus() {
  auto& r = registry::instance();
  std::lock_guard g(r.mutex);
  std::string out, last;
  auto full = [&](const metric_key& k) { return r.options.prefix + "." + k.name; };
  for (auto& [key, m] : r.gauges) {
    if (!m.known() || !r.shown(r.gauge_name(key))) continue;
    auto name = prometheus_name(r.gauge_name(key));
    head(out, last, name, key.name, "gauge");
    out += name + prometheus_labels(key.labels) + " " + prometheus_number(m.value()) + "\n";
  }
  for (auto& [key, m] : r.counters) {
    auto a = m.total;
    a.merge(m.now.look());
    if (a.count == 0 || !r.shown(full(key))) continue;
    auto name = prometheus_name(full(key));
    head(out, last, name, key.name, "counter");
    out += name + prometheus_labels(key.labels) + " " + prometheus_number(a.sum) + "\n";
  }
  for (auto& [key, m] : r.samples) {
    auto a = m.total;
    a.merge(m.now.look());
    if (a.count == 0 || !r.shown(full(key))) continue;
    auto name = prometheus_name(full(key));
    head(out, last, name, key.name, "summary");
    for (auto [text, q] : {std::pair{"0.5", 0.5}, {"0.9", 0.9}, {"0.99", 0.99}})
      out += name + prometheus_labels(key.labels, text) + " " + prometheus_number(m.now.quantile(q)) + "\n";
    out += name + "_sum" + prometheus_labels(key.labels) + " " + prometheus_number(a.sum) + "\n";
    out += name + "_count" + prometheus_labels(key.labels) + " " + std::to_string(a.count) + "\n";
  }
  return out;
}

} // namespace actord::telemetry
