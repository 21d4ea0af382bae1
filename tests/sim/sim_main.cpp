// sim: the whole cluster in one thread, from a seed.
#include "tests/sim/campaign.hpp"
#include "tests/sim/whole/campaign.hpp"
#include <charconv>
#include <chrono>
#include <cstring>
#include <fmt/format.h>

namespace {

using namespace actord;

constexpr const char* usage =
    "usage: sim [--seed N] [--seeds COUNT] [--ticks M] [--scenario NAME] [--nodes 1..8] [--mutation NAME]\n"
    "           [--trace] [--trace-hash]\n"
    "       sim --gate        fixed and fresh seeds of every scenario\n"
    "       sim --mutations   at which seed each rule, broken on purpose, is found out\n"
    "       sim --list        scenarios and mutations\n"
    "       sim --whole …     the same with whole nodes: the production actors with their stores\n";

int list() {
  for (const auto& s : sim::scenarios()) fmt::print("{:28} {}\n", s.name, s.about);
  for (const auto& m : sim::mutations()) fmt::print("{:28} breaks: {}\n", m.name, m.rule);
  return 0;
}

bool number(const char* text, uint64_t& out) {
  const auto [end, ec] = std::from_chars(text, text + std::strlen(text), out);
  return ec == std::errc() && *end == '\0';
}

struct arguments {
  sim::run_options run;
  uint64_t seeds = 1;
  bool trace_hash = false;
};

bool parse_value(arguments& a, std::string_view flag, const char* value) {
  uint64_t n = 0;
  if (flag == "--seed") return number(value, a.run.seed);
  if (flag == "--seeds") return number(value, a.seeds) && a.seeds > 0;
  if (flag == "--ticks") return number(value, a.run.ticks);
  if (flag == "--nodes") return number(value, n) && n >= 1 && n <= 8 && (a.run.nodes = n, true);
  if (flag == "--scenario") return (a.run.faults = sim::find_scenario(value)) != nullptr;
  if (flag == "--mutation") {
    for (const auto& m : sim::mutations()) {
      if (m.name == value) return a.run.broken = m.broken, true;
    }
  }
  return false;
}

int report(const arguments& a, const sim::campaign_result& r, double seconds) {
  fmt::print("{} runs of {} nodes, scenario {}: {} failed; {:.1f} s; {}\n", r.runs, a.run.nodes, a.run.faults->name, r.failures, seconds,
             sim::describe(r.total));
  if (r.failures == 0) return 0;
  auto o = a.run;
  o.seed = r.first_failure;
  fmt::print("FAILED {}\n  {}\n", r.failed.failure, sim::replay_line(o));
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  arguments a;
  a.run.faults = sim::find_scenario("all");
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (i == 1 && flag == "--whole") return sim::whole::main_of(argc - 2, argv + 2);
    if (flag == "--list") return list();
    if (flag == "--gate") return sim::gate();
    if (flag == "--mutations") return sim::show_mutations();
    if (flag == "--trace") {
      a.run.trace = true;
    } else if (flag == "--trace-hash") {
      a.trace_hash = true;
    } else if (i + 1 >= argc || !parse_value(a, flag, argv[++i])) {
      fmt::print(stderr, "{}", usage);
      return 2;
    }
  }
  if (a.trace_hash) {
    const auto r = sim::run_world(a.run);
    fmt::print("{:016x}\n", r.trace_hash);
    return r.ok ? 0 : 1;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto r = sim::run_seeds(a.run, a.seeds, false);
  return report(a, r, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}
