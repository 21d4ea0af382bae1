// bench compare: ours and another binary of Consul's interface side by side, alternating, in one call.
// bench run: one load against a server that runs already, for profiling and for clusters (cluster.py).
// bench pace: puts at a steady rate, and their times second by second.
// bench beside: good clients beside greedy ones.

#include "tests/bench/bench_case.hpp"
#include "tests/bench/beside.hpp"
#include "tests/bench/cluster_pace.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <sys/resource.h>

namespace actord::bench {

namespace {

constexpr std::string_view usage =
  "usage: bench compare --oracle PATH [--ours PATH] [--only NAME,...] [--seconds N] [--rounds N] [--keys N]\n"
  "       bench run --addr HOST:PORT [--dns PORT] [--pid PID,...] --case NAME [--seconds N] [--rounds N]\n"
  "       bench pace --addr HOST:PORT --rate N [--width N] [--seconds N] [--bytes N] [--samples yes]\n"
  "       bench beside --addr HOST:PORT --case http|rpc|dns-tcp|dns-udp [--greedy N,...] [--seconds N]\n"
  "       bench list\n"
  "compare starts both as durable single servers with ports of their own and prints medians over the rounds.\n"
  "--only takes the cases whose name begins with one of the names.\n";

struct arguments {
  std::string command, oracle, ours, only, address, wanted;
  std::uint16_t dns = 8600;
  std::vector<int> pids, greedy = {0, 1, 2, 4, 64};
  bench_options options;
  pace_plan pace;
};

std::vector<int> numbers(const std::string& list) {
  std::vector<int> found;
  for (std::size_t at = 0; at < list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    found.push_back(std::stoi(list.substr(at, comma - at)));
    at = comma + 1;
  }
  return found;
}

arguments parse(int argc, char** argv) {
  arguments found;
  if (argc < 2) throw std::invalid_argument("no command");
  found.command = argv[1];
  for (int n = 2; n < argc; ++n) {
    const std::string flag = argv[n];
    if (++n == argc) throw std::invalid_argument(flag + " needs a value");
    const std::string value = argv[n];
    if (flag == "--oracle") found.oracle = value;
    else if (flag == "--ours") found.ours = value;
    else if (flag == "--only") found.only = value;
    else if (flag == "--addr") found.address = value;
    else if (flag == "--case") found.wanted = value;
    else if (flag == "--dns") found.dns = static_cast<std::uint16_t>(std::stoul(value));
    else if (flag == "--pid") found.pids = numbers(value);
    else if (flag == "--greedy") found.greedy = numbers(value);
    else if (flag == "--rate") found.pace.rate = std::stod(value);
    else if (flag == "--width") found.pace.width = std::stoi(value);
    else if (flag == "--samples") found.pace.samples = value == "yes";
    else if (flag == "--bytes") found.pace.bytes = std::stoull(value);
    else if (flag == "--seconds") found.options.seconds = std::stod(value);
    else if (flag == "--rounds") found.options.rounds = std::stoi(value);
    else if (flag == "--keys") found.options.keys = std::stoull(value);
    else throw std::invalid_argument("unknown flag " + flag);
  }
  return found;
}

bool chosen(const std::string& only, const std::string& name) {
  for (std::size_t at = 0; at <= only.size() && !only.empty();) {
    const auto comma = std::min(only.find(',', at), only.size());
    if (comma > at && name.starts_with(only.substr(at, comma - at))) return true;
    at = comma + 1;
  }
  return only.empty();
}

/// The medians of each figure over the rounds.
figures medians(const std::vector<figures>& rounds) {
  figures found;
  if (rounds.empty()) return found;
  for (const auto& [name, ignored] : rounds.front()) {
    std::vector<double> values;
    for (const auto& round : rounds) values.push_back(round.at(name));
    found[name] = percentile(values, 0.5);
  }
  return found;
}

std::string number(double value) {
  return value >= 1000 ? fmt::format("{:.0f}", value) : value >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

/// The target's words and whether it was met.
std::pair<std::string, bool> judge(const target& each, double ours, double oracle) {
  const double ratio = oracle > 0 ? ours / oracle : 0;
  switch (each.kind) {
    case target_kind::at_least_times: return {fmt::format("at least {:.3g}x", each.bound), ratio >= each.bound};
    case target_kind::at_most_times: return {fmt::format("at most {:.3g}x", each.bound), oracle > 0 && ratio <= each.bound};
    case target_kind::at_most: return {fmt::format("at most {:.4g}", each.bound), ours <= each.bound};
  }
  return {};
}

struct score {
  int met = 0;
  int missed = 0;
};

void print_head() {
  fmt::print("{:<24} {:<20} {:>12} {:>12} {:>9}  {:<15} {}\n", "case", "figure", "ours", "oracle", "ratio", "target", "met");
}

void print_rows(const bench_case& each, const figures& ours, const figures& oracle, score& total) {
  bool first = true;
  for (const auto& [name, value] : ours) {
    const auto other = oracle.find(name);
    const double theirs = other == oracle.end() ? 0 : other->second;
    std::string words = "-", met = "-";
    for (const auto& aim : each.targets)
      if (aim.figure == name) {
        const auto [text, good] = judge(aim, value, theirs);
        words = text;
        met = good ? "yes" : "NO";
        ++(good ? total.met : total.missed);
      }
    fmt::print("{:<24} {:<20} {:>12} {:>12} {:>9}  {:<15} {}\n", first ? each.name : "", name, number(value),
               theirs > 0 ? number(theirs) : "-", theirs > 0 ? fmt::format("{:.3f}", value / theirs) : "-", words, met);
    first = false;
  }
  std::fflush(stdout);
}

/// Both servers take turns; whichever does not is frozen.
void compare_case(const bench_case& each, server_process& ours, server_process& oracle, const bench_options& options,
                  score& total) {
  std::vector<figures> found[2];
  server_process* const servers[2] = {&ours, &oracle};
  for (auto* server : servers) {
    if (server->running()) {
      server->thaw();
      each.prepare(*server, options);
      server->settle();
      server->freeze();
    }
  }
  const int rounds = std::min(options.rounds, each.most_rounds);
  for (int round = 0; round < rounds; ++round)
    for (int n = 0; n < 2; ++n) {
      servers[n]->thaw();
      servers[n]->settle();
      found[n].push_back(each.run(*servers[n], options, round));
      servers[n]->settle();
      servers[n]->freeze();
    }
  print_rows(each, medians(found[0]), medians(found[1]), total);
}

int compare(const arguments& given) {
  if (given.oracle.empty()) throw std::invalid_argument("compare needs --oracle");
  auto path = given.ours;
  if (path.empty()) {
    // bench is built into tests/ of the build folder, the server into the folder itself.
    const auto here = std::filesystem::canonical("/proc/self/exe").parent_path();
    path = (here / "consul-actord").string();
    if (!std::filesystem::exists(path)) path = (here.parent_path() / "consul-actord").string();
  }
  for (const auto& program : {path, given.oracle})
    if (!std::filesystem::exists(program)) throw std::invalid_argument("no such program: " + program);
  fmt::print("ours: {}\noracle: {}\nrounds {}, seconds {}, medians over the rounds\n\n", path, given.oracle,
             given.options.rounds, given.options.seconds);
  print_head();
  score total;
  int broken = 0;
  std::string group;
  std::unique_ptr<server_process> ours, oracle;
  for (const auto& each : all_cases()) {
    if (!chosen(given.only, each.name)) continue;
    try {
      if (!ours || each.group != group) {
        group = each.group;
        ours = std::make_unique<server_process>("ours", path);
        oracle = std::make_unique<server_process>("oracle", given.oracle);
        ours->start_fresh();
        ours->settle();
        ours->freeze();
        oracle->start_fresh();
        oracle->settle();
        oracle->freeze();
      }
      compare_case(each, *ours, *oracle, given.options, total);
    } catch (const std::exception& error) {
      fmt::print("{:<24} FAILED: {}\n", each.name, error.what());
      ++broken;
      ours.reset();
      oracle.reset();
    }
  }
  fmt::print("\n{} targets met, {} missed, {} cases failed\n", total.met, total.missed, broken);
  return broken > 0 ? 1 : 0;
}

int run(const arguments& given) {
  const auto colon = given.address.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument("run needs --addr HOST:PORT");
  server_process server("server", static_cast<std::uint16_t>(std::stoul(given.address.substr(colon + 1))), given.dns, given.pids);
  bool any = false;
  for (const auto& each : all_cases()) {
    if (each.name != given.wanted || each.needs_own_server) continue;
    any = true;
    each.prepare(server, given.options);
    for (int round = 0; round < given.options.rounds; ++round)
      for (const auto& [name, value] : each.run(server, given.options, round))
        if (!given.pids.empty() || !name.starts_with("cpu")) fmt::print("{} {} {}\n", each.name, name, number(value));
  }
  if (!any) throw std::invalid_argument("no such load: " + given.wanted);
  return 0;
}

std::uint16_t port_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument("--addr is HOST:PORT");
  return static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
}

int list() {
  for (const auto& each : all_cases()) fmt::print("{}\n", each.name);
  return 0;
}

} // namespace

} // namespace actord::bench

int main(int argc, char** argv) {
  using namespace actord::bench;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  kill_servers_on_signals();
  try {
    const auto given = parse(argc, argv);
    if (given.command == "compare") return compare(given);
    if (given.command == "run") return run(given);
    if (given.command == "list") return list();
    if (given.command == "beside") return beside(port_of(given.address), given.wanted, given.options.seconds, given.greedy);
    if (given.command == "pace") return pace(given.address, given.pace, given.options.seconds);
    throw std::invalid_argument("unknown command " + given.command);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}\n{}", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
