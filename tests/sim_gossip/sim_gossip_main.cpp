// sim_gossip: whole gossip pools in one thread, from a seed; prints what it measured and exits 1 when a rule is broken.
#include "tests/sim_gossip/scenario.hpp"
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>

namespace {

using namespace actord;
using namespace actord::sim_gossip;
using namespace std::chrono_literals;

constexpr const char* usage = "usage: sim_gossip [--seed N] [--nodes N] [--crashes N] [--loss PERCENT] [--stalled PERCENT] [--no-spread]\n";

double took(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

bool show_spread(uint64_t seed, size_t most) {
  bool ok = true;
  double smallest = 0;
  fmt::print("{:>6}  {:>12}  {:>12}  {:>16}\n", "nodes", "mean rounds", "worst rounds", "mean / log2 nodes");
  for (const size_t n : {size_t{10}, size_t{100}, size_t{1000}}) {
    if (n > most) break;
    const auto row = measure_spread(n, seed, 20);
    const double ratio = row.mean_rounds / std::log2(static_cast<double>(n));
    fmt::print("{:>6}  {:>12.1f}  {:>12.1f}  {:>16.2f}\n", n, row.mean_rounds, row.worst_rounds, ratio);
    if (smallest == 0) smallest = ratio;
    ok &= row.reached_all && ratio < 2 * smallest;
  }
  return ok;
}

bool show_crashes(crash_options o) {
  bool ok = true;
  const auto b = bound_of(gossip::settings::lan(), o.nodes, 1 - o.stalled);
  o.at_most = std::chrono::milliseconds(static_cast<int64_t>(b.all * 1000)) + 30s;
  fmt::print("\n{} nodes, {:.0f} % loss, {:.0f} % stalled again and again, {} crashes, seed {}; a crash is to be known to the first within {:.1f} s, to all within {:.1f} s\n",
             o.nodes, o.loss * 100, o.stalled * 100, o.crashes, o.seed, b.first, b.all);
  fmt::print("{:>10}  {:>21}  {:>21}  {:>9}  {:>12}  {:>15}  {:>10}  {:>9}  {:>6}\n", "lifeguard", "first knows, med/max", "all know, med/max",
             "unnoticed", "false deaths", "of them healthy", "suspicions", "packets", "time");
  for (const bool lifeguard : {true, false}) {
    o.lifeguard = lifeguard;
    const auto start = std::chrono::steady_clock::now();
    const auto row = measure_crashes(o);
    fmt::print("{:>10}  {:>9.1f} {:>9.1f} s  {:>9.1f} {:>9.1f} s  {:>9}  {:>12}  {:>15}  {:>10}  {:>9}  {:>4.0f} s\n", lifeguard ? "on" : "off",
               row.first_median, row.first_worst, row.all_median, row.all_worst, row.unnoticed, row.counts.false_deaths,
               row.counts.false_deaths_by_healthy, row.suspicions, row.counts.packets, took(start));
    if (lifeguard)
      ok = row.unnoticed == 0 && row.counts.false_deaths == 0 && row.counts.false_departures == 0 && row.first_worst <= b.first && row.all_worst <= b.all;
  }
  return ok;
}

} // namespace

int main(int argc, char** argv) {
  crash_options o;
  o.nodes = 1000;
  o.crashes = 20;
  std::setvbuf(stdout, nullptr, _IOLBF, 0); // a long run is watched
  bool spread = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--no-spread") {
      spread = false;
      continue;
    }
    uint64_t n = 0;
    const char* text = ++i < argc ? argv[i] : "";
    const auto [end, ec] = std::from_chars(text, text + std::strlen(text), n);
    const bool sound = ec == std::errc() && *end == '\0' && *text != '\0';
    if (sound && flag == "--seed") o.seed = n;
    else if (sound && flag == "--nodes" && n >= 4 && n <= 10000) o.nodes = n;
    else if (sound && flag == "--crashes") o.crashes = n;
    else if (sound && flag == "--loss" && n < 100) o.loss = static_cast<double>(n) / 100;
    else if (sound && flag == "--stalled" && n <= 50) o.stalled = static_cast<double>(n) / 100;
    else {
      fmt::print(stderr, "{}", usage);
      return 2;
    }
  }
  if (o.crashes > o.nodes / 4) o.crashes = o.nodes / 4;
  const bool spreads = !spread || show_spread(o.seed, o.nodes);
  const bool detects = show_crashes(o);
  fmt::print("\n{}\n", spreads && detects ? "ok" : "FAILED");
  return spreads && detects ? 0 : 1;
}
