#include "tests/sim/whole/campaign.hpp"
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace actord::sim::whole {

namespace {

constexpr uint64_t mutation_seeds = 1000;
constexpr uint64_t gate_fixed = 20, gate_fresh = 120; // per size

void add_up(run_result& sum, const run_result& r) {
  for (auto field : {&run_result::operations, &run_result::acknowledged, &run_result::unknown, &run_result::reads_at_once, &run_result::reads_asked,
                     &run_result::stale_reads, &run_result::faults, &run_result::crashes, &run_result::power_losses, &run_result::hangs, &run_result::jumps,
                     &run_result::cuts, &run_result::full_disks, &run_result::transfers, &run_result::replacements, &run_result::snapshots, &run_result::terms,
                     &run_result::undecided})
    sum.*field += r.*field;
  sum.slowest_mend_ms = std::max(sum.slowest_mend_ms, r.slowest_mend_ms);
}

std::string replay_line(const run_options& o) {
  std::string line = fmt::format("sim --whole --seed {} --seconds {} --nodes {}", o.seed, o.seconds, o.nodes);
  for (const auto& m : mutations())
    if ((o.broken != rule::none && m.broken == o.broken) || (o.core_broken != raft::mutation::none && m.core_broken == o.core_broken)) line += fmt::format(" --mutation {}", m.name);
  return line;
}

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

int report(const run_options& o, const campaign_result& r, double seconds) {
  const auto& t = r.total;
  fmt::print("{} runs of {} whole nodes: {} failed; {:.1f} s; {} operations ({} writes answered, {} of unknown outcome; reads: {} at once, {} asked, {} stale), "
             "{} faults ({} processes and {} machines died, {} hung, {} clocks jumped, {} cuts, {} full disks, {} transfers, {} servers replaced), "
             "{} snapshots sent, {} terms, writable at most {} ms after everything was mended, {} keys undecided\n",
             r.runs, o.nodes, r.failures, seconds, t.operations, t.acknowledged, t.unknown, t.reads_at_once, t.reads_asked, t.stale_reads, t.faults, t.crashes,
             t.power_losses, t.hangs, t.jumps, t.cuts, t.full_disks, t.transfers, t.replacements, t.snapshots, t.terms, t.slowest_mend_ms, t.undecided);
  if (r.failures == 0) return 0;
  auto failed = o;
  failed.seed = r.first_failure;
  fmt::print("FAILED {}\n  {}\n", r.failed.failure, replay_line(failed));
  if (r.failing.size() > 1) fmt::print("  all failing seeds: {}\n", fmt::join(r.failing, " "));
  return 1;
}

} // namespace

const std::vector<mutation_row>& mutations() {
  using m = raft::mutation;
  static const std::vector<mutation_row> table{
      {rule::answer_when_applied, m::none, "answer-when-proposed", "a write is answered once it is applied", true},
      {rule::sync_before_written, m::none, "written-before-sync", "the log writer says \"written\" once it is synced", true},
      {rule::read_within_lease, m::none, "read-without-lease", "a leader answers reads by itself only while its lease lasts"},
      {rule::lease_from_round, m::none, "lease-from-answer", "the lease counts from the round's sending"},
      {rule::lead_when_applied, m::none, "lead-before-applied", "a leader answers reads once it has applied what is committed"},
      {rule::unknown_is_final, m::none, "retry-unknown", "what may have been written is not tried again", true},
      {rule::lost_leadership_is_unknown, m::none, "deny-lost", "a write under way when leadership was lost is of unknown outcome", true},
      {rule::follower_asks, m::none, "follower-does-not-ask", "a follower asks the leader before a read", true},
      {rule::follower_waits, m::none, "follower-does-not-wait", "a follower reads once it has applied what the leader says", true},
      {rule::held_once, m::none, "held-twice", "a held command is proposed once", true},
      {rule::vote_is_written, m::none, "vote-not-written", "the vote is part of what is on disk"},
      {rule::cut_behind_snapshot, m::none, "cut-without-snapshot", "the log is cut only behind a durable snapshot", true},
      {rule::snapshot_has_members, m::none, "snapshot-without-members", "a snapshot carries the configuration of its place"},
      {rule::install_after_log, m::none, "install-before-log", "a snapshot is loaded once the log is durable behind it"},
      {rule::none, m::lease_survives_transfer, "lease-survives-transfer", "a leader that orders a transfer has no lease any more"},
      {rule::none, m::ack_before_sync, "ack-before-sync", "entries are durable before they are acknowledged"},
  };
  return table;
}

campaign_result run_seeds(const run_options& first, uint64_t count, bool stop_at_failure) {
  campaign_result sum;
  std::mutex guard;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> stop{false};
  const auto run_some = [&] {
    while (!stop) {
      const uint64_t i = next++;
      if (i >= count) return;
      run_options o = first;
      o.seed = first.seed + i;
      const run_result r = run_whole(o);
      std::lock_guard lock(guard);
      ++sum.runs;
      add_up(sum.total, r);
      if (r.ok) continue;
      sum.failing.push_back(o.seed);
      if (sum.failures++ == 0 || o.seed < sum.first_failure) {
        sum.first_failure = o.seed;
        sum.failed = r;
      }
      if (stop_at_failure) stop = true;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned n = first.trace ? 1 : std::max(1U, std::thread::hardware_concurrency()); n > 0; --n) threads.emplace_back(run_some);
  for (auto& t : threads) t.join();
  std::sort(sum.failing.begin(), sum.failing.end());
  return sum;
}

int gate() {
  const auto start = std::chrono::steady_clock::now();
  const auto fresh = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1));
  uint64_t runs = 0;
  for (const uint64_t base : {uint64_t{1}, fresh}) {
    for (const size_t nodes : {size_t{3}, size_t{5}}) {
      run_options o;
      o.seed = base;
      o.nodes = nodes;
      const auto r = run_seeds(o, base == 1 ? gate_fixed : gate_fresh, true);
      runs += r.runs;
      if (r.failures == 0) continue;
      o.seed = r.first_failure;
      fmt::print("FAILED {}\n  {}\n", r.failed.failure, replay_line(o));
      return 1;
    }
  }
  fmt::print("sim gate of whole nodes: {} runs, fresh seeds from {}, {:.1f} s: ok\n", runs, fresh, seconds_since(start));
  return 0;
}

int show_mutations() {
  int missed = 0;
  fmt::print("{:26} {:>6}  {}\n", "broken rule", "seed", "found as");
  for (const auto& row : mutations()) {
    run_options o;
    o.broken = row.broken;
    o.core_broken = row.core_broken;
    const auto r = run_seeds(o, mutation_seeds, true);
    if (r.failures == 0) {
      ++missed;
      fmt::print("{:26} {:>6}  not within {} seeds\n", row.name, "-", mutation_seeds);
    } else {
      fmt::print("{:26} {:>6}  {}\n", row.name, r.first_failure, r.failed.failure);
    }
    std::fflush(stdout);
  }
  return missed == 0 ? 0 : 1;
}

int main_of(int argc, char** argv) {
  run_options o;
  uint64_t seeds = 1;
  const auto number = [](const char* text, uint64_t& out) {
    const auto [end, ec] = std::from_chars(text, text + std::strlen(text), out);
    return ec == std::errc() && *end == '\0';
  };
  for (int i = 0; i < argc; ++i) {
    const std::string_view flag = argv[i];
    uint64_t n = 0;
    if (flag == "--gate") return gate();
    if (flag == "--mutations") return show_mutations();
    if (flag == "--trace") {
      o.trace = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    bool ok = false;
    if (flag == "--seed") ok = number(value, o.seed);
    if (flag == "--seeds") ok = number(value, seeds) && seeds > 0;
    if (flag == "--seconds") ok = number(value, o.seconds);
    if (flag == "--nodes") ok = number(value, n) && (n == 3 || n == 5) && (o.nodes = n, true);
    if (flag == "--mutation")
      for (const auto& m : mutations())
        if (m.name == value) o.broken = m.broken, o.core_broken = m.core_broken, ok = true;
    if (ok) continue;
    fmt::print(stderr, "usage: sim --whole [--seed N] [--seeds COUNT] [--seconds S] [--nodes 3|5] [--mutation NAME] [--trace] | --gate | --mutations\n");
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const bool expected = o.broken != rule::none || o.core_broken != raft::mutation::none;
  const auto r = run_seeds(o, seeds, expected);
  return report(o, r, seconds_since(start));
}

} // namespace actord::sim::whole
