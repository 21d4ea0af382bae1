#include "tests/sim_gossip/scenario.hpp"
#include <algorithm>
#include <cmath>

namespace actord::sim_gossip {

using namespace std::chrono_literals;

namespace {

double seconds(nanos d) { return std::chrono::duration<double>(d).count(); }

// Stalls a share of the nodes again and again; call it every 100 ms.
struct staller {
  pool& in;
  size_t count;                  // nodes 0 .. count - 1
  std::vector<nanos> next;       // when each stalls again
  staller(pool& p, size_t n) : in(p), count(n), next(n) {
    for (auto& at : next) at = p.now() + nanos(1s) * static_cast<int64_t>(p.random().below(20));
  }
  void step() {
    for (uint32_t n = 0; n < count; ++n) {
      if (in.now() < next[n]) continue;
      const nanos stall = std::chrono::milliseconds(in.random().between(2000, 20000));
      const nanos run = std::chrono::milliseconds(in.random().between(500, 5000));
      in.stall(n, stall);
      next[n] = in.now() + stall + run;
    }
  }
};

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

} // namespace

spread_row measure_spread(size_t nodes, uint64_t seed, int samples) {
  pool_options o;
  o.seed = seed;
  o.nodes = nodes;
  pool p(o);
  p.acquaint_all();
  spread_row row;
  row.nodes = nodes;
  for (int i = 0; i < samples; ++i) {
    const auto from = static_cast<uint32_t>(p.random().below(nodes));
    const std::string news = "news " + std::to_string(i);
    const nanos began = p.now();
    p.tag(from, news);
    std::vector<uint32_t> ignorant(nodes);
    for (uint32_t n = 0; n < nodes; ++n) ignorant[n] = n;
    row.reached_all &= p.run_until(60s, [&] {
      std::erase_if(ignorant, [&](uint32_t n) { return p.core(n).find(pool::name_of(from))->meta == news; });
      return ignorant.empty();
    });
    const double rounds = seconds(p.now() - began) / seconds(o.knobs.gossip_interval);
    row.mean_rounds += rounds / samples;
    row.worst_rounds = std::max(row.worst_rounds, rounds);
    p.run_until(60s, [&] { return p.is_quiet(); });
  }
  return row;
}

crash_row measure_crashes(const crash_options& o) {
  pool_options po;
  po.seed = o.seed;
  po.nodes = o.nodes;
  po.loss = o.loss;
  if (!o.lifeguard) po.knobs = po.knobs.without_lifeguard();
  pool p(po);
  p.acquaint_all();
  const auto stalled = static_cast<size_t>(std::lround(o.stalled * static_cast<double>(o.nodes)));
  staller stalls(p, stalled);
  const auto live = [&](nanos d) {
    for (const nanos end = p.now() + d; p.now() < end;) {
      stalls.step();
      p.run_for(100ms);
    }
  };
  live(20s);
  const nanos began = p.now();
  for (size_t i = 0; i < o.crashes; ++i) {
    uint32_t who = 0;
    do who = static_cast<uint32_t>(p.random().between(stalled, o.nodes - 1));
    while (!p.at(who).core);
    p.crash(who);
    live(std::chrono::milliseconds(p.random().below(1000)));
  }
  while (p.now() < began + o.at_most && (p.now() < began + o.at_least || !p.all_departures_noticed())) live(1s);
  crash_row row;
  std::vector<double> first, all;
  for (const auto& d : p.departures()) {
    if (!d.waiting.empty()) {
      ++row.unnoticed;
      continue;
    }
    first.push_back(static_cast<double>(d.first - d.at) / 1e6);
    all.push_back(static_cast<double>(d.all - d.at) / 1e6);
    row.first_worst = std::max(row.first_worst, first.back());
    row.all_worst = std::max(row.all_worst, all.back());
  }
  row.first_median = median(first);
  row.all_median = median(all);
  row.counts = p.counts();
  for (uint32_t n = 0; n < o.nodes; ++n) {
    if (p.at(n).core) row.suspicions += p.core(n).figures().suspected;
  }
  return row;
}

detection_bound bound_of(const gossip::settings& s, size_t nodes, double running_share) {
  // Each node that runs picks the crashed one with a chance of 1 / nodes per interval, and within two walks surely.
  const double turns = std::min(std::ceil(std::log(1e6) / running_share), 2 * static_cast<double>(nodes));
  const double probe = seconds(s.probe_interval) * (turns + s.awareness_max_multiplier);
  const double rounds = 4 * std::ceil(std::log2(static_cast<double>(nodes)));
  detection_bound b;
  b.first = probe + seconds(s.suspicion_max(nodes));
  b.all = b.first + rounds * seconds(s.gossip_interval);
  return b;
}

} // namespace actord::sim_gossip
