#include "tests/sim/whole/campaign.hpp"
#include "actors/raft/core/recovery.hpp"
#include "runtime/base/log.hpp"
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

// What is counted of the runs. A gate in which one of these never happened has shown nothing of it.
struct counted {
  uint64_t run_result::*field;
  std::string_view what;
  bool asked = true;
};
constexpr counted all_counts[] = {
    {&run_result::operations, "operations"}, {&run_result::acknowledged, "writes answered"}, {&run_result::unknown, "of unknown outcome"},
    {&run_result::reads_at_once, "reads at once"}, {&run_result::reads_asked, "reads asked"}, {&run_result::stale_reads, "stale reads"},
    {&run_result::sessions, "sessions"}, {&run_result::renewed, "renewed"}, {&run_result::expired, "expired"},
    {&run_result::acquired, "locks had"}, {&run_result::delayed, "had after a delay"}, {&run_result::refused_for_delay, "refused for a delay"},
    {&run_result::lifted, "delays lifted"},
    {&run_result::faults, "faults"}, {&run_result::strikes, "power failures right after an answer"}, {&run_result::crashes, "processes died"}, {&run_result::power_losses, "machines died"},
    {&run_result::hangs, "hung"}, {&run_result::jumps, "clocks jumped"}, {&run_result::cuts, "cuts"}, {&run_result::full_disks, "full disks"},
    {&run_result::transfers, "transfers"}, {&run_result::replacements, "servers replaced"}, {&run_result::damages, "files damaged"},
    {&run_result::registrations, "registrations"}, {&run_result::removals, "removals"}, {&run_result::beats, "TTL updates"}, {&run_result::expiries, "TTLs over"},
    {&run_result::kept_states, "TTL states kept"}, {&run_result::refused, "refused by agents"}, {&run_result::agents_died, "agents died"},
    {&run_result::agent_strikes, "agents died right after an answer"}, {&run_result::agents_for_good, "for good"}, {&run_result::agents_left, "agents left"},
    {&run_result::meddled, "meddled with the catalog"}, {&run_result::calls, "calls"}, {&run_result::calls_lost, "calls lost"}, {&run_result::packets, "packets"},
    {&run_result::streams, "streams"}, {&run_result::found_failed, "members found failed"}, {&run_result::found_back, "members found back"},
    {&run_result::upgrades, "servers upgraded"}, {&run_result::new_commands, "commands of the new version"}, {&run_result::too_new, "refused as too new"},
    {&run_result::snapshots, "snapshots sent"}, {&run_result::terms, "terms"}, {&run_result::undecided, "keys undecided", false},
};

void add_up(run_result& sum, const run_result& r) {
  for (const auto& c : all_counts) sum.*c.field += r.*c.field;
  sum.slowest_mend_ms = std::max(sum.slowest_mend_ms, r.slowest_mend_ms);
}

std::string describe(const run_result& r) {
  std::string out;
  for (const auto& c : all_counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", r.*c.field, c.what);
  return out + fmt::format("; writable at most {} ms after everything was mended", r.slowest_mend_ms);
}

std::string replay_line(const run_options& o) {
  std::string line = fmt::format("sim --whole --seed {} --seconds {} --nodes {}", o.seed, o.seconds, o.nodes);
  if (o.agents > 0) line += fmt::format(" --agents {}", o.agents);
  if (o.upgrades) line += " --upgrades";
  for (const auto& m : mutations())
    if ((o.broken != rule::none && m.broken == o.broken) || (o.core_broken != raft::mutation::none && m.core_broken == o.core_broken)) line += fmt::format(" --mutation {}", m.name);
  return line;
}

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

int report(const run_options& o, const campaign_result& r, double seconds) {
  fmt::print("{} runs of {} whole nodes and {} client agents: {} failed; {:.1f} s; {}\n", r.runs, o.nodes, o.agents, r.failures, seconds, describe(r.total));
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
      {rule::sync_before_written, m::none, "written-before-sync", "the log writer says \"written\" once it is synced", false, "durability"},
      {rule::read_within_lease, m::none, "read-without-lease", "a leader answers reads by itself only while its lease lasts"},
      {rule::lease_from_round, m::none, "lease-from-answer", "the lease counts from the round's sending"},
      {rule::lead_when_applied, m::none, "lead-before-applied", "a leader answers reads once it has applied what is committed"},
      {rule::unknown_is_final, m::none, "retry-unknown", "what may have been written is not tried again", true},
      {rule::lost_leadership_is_unknown, m::none, "deny-lost", "a write under way when leadership was lost is of unknown outcome", true},
      {rule::follower_asks, m::none, "follower-does-not-ask", "a follower asks the leader before a read", true},
      {rule::follower_waits, m::none, "follower-does-not-wait", "a follower reads once it has applied what the leader says", true},
      {rule::held_once, m::none, "held-twice", "a held command is proposed once", true},
      {rule::vote_is_written, m::none, "vote-not-written", "term and vote are part of what is on disk"},
      {rule::cut_behind_snapshot, m::none, "cut-without-snapshot", "the log is cut only behind a durable snapshot", true},
      {rule::snapshot_has_members, m::none, "snapshot-without-members", "a snapshot carries the configuration of its place"},
      {rule::install_after_log, m::none, "install-before-log", "a snapshot is loaded once the log is durable behind it"},
      {rule::every_entry_applied, m::none, "skip-entries", "a server applies every committed entry", true},
      {rule::forgetful_recovers, m::none, "forgetful-counts", "a server whose log was damaged votes for nobody until it has everything again", true},
      {rule::renewal_counts, m::none, "renewal-forgotten", "a renewal gives a session its whole time again", true},
      {rule::leader_gives_time, m::none, "old-timers", "a new leader gives every session its whole time again"},
      {rule::end_is_tried_again, m::none, "end-once", "a session's end that could not be written is tried again"},
      {rule::leader_ends_sessions, m::none, "ended-by-others", "who does not lead any more ends no session"},
      {rule::delayed_lock_waits, m::none, "no-lock-delay", "a key is not given before its lock delay is over", true},
      {rule::everybody_notes_delays, m::none, "delay-of-leader", "whoever leads next knows of a lock delay", true},
      {rule::lock_waits_for_state, m::none, "lock-before-state", "a new leader that may not know of a delay lets locks wait", false, {}, 0, false, 63},
      {rule::registration_synced, m::none, "registration-before-sync", "a registration is answered once the agent's journal is synced", false, "acknowledged", 3, false, 56},
      {rule::ttl_state_kept, m::none, "ttl-state-forgotten", "a TTL check's state is kept over a restart of its agent", true, "TTL", 3},
      {rule::ttl_begins_anew, m::none, "ttl-goes-on", "an update gives a TTL check all of its time again", true, "TTL", 3},
      {rule::catalog_compared, m::none, "no-comparison", "an agent compares the catalog with what it has", true, "the catalog", 3},
      {rule::aliens_go, m::none, "aliens-stay", "what the catalog has of an agent that the agent has not is taken out", true, "which that has not", 3},
      {rule::leaver_is_silent, m::none, "leaver-registers", "an agent that leaves tells the catalog nothing more", false, "has left", 3, false, 97},
      {rule::join_tried_again, m::none, "join-once", "who cannot join tries again", false, "sees", 3, false, 71},
      {rule::accused_refutes, m::none, "no-refutation", "who is accused and alive says so", true, "sees", 3},
      {rule::suspects_die, m::none, "suspect-for-ever", "a suspect of whom nothing is heard is dead in the end", true, "sees", 3},
      {rule::leader_walks, m::none, "no-walk", "a new leader compares the catalog with all members", false, "the catalog", 3},
      {rule::failed_stay, m::none, "failed-is-left", "a member that failed stays in the catalog", true, "was taken out", 3},
      {rule::left_go, m::none, "left-stays", "a member that left goes from the catalog", true, "has left", 3, false, 140},
      {rule::members_are_current, m::none, "stale-members", "the leader compares the catalog with the members as they are", false, "the catalog", 3},
      {rule::journal_is_replayed, m::none, "journal-not-replayed", "what the log's journal holds is part of the log", true},
      {rule::journal_is_written, m::none, "journal-not-written", "an entry is in the journal before it is acknowledged", true},
      {rule::oldest_reads_all, m::none, "ignore-old-servers", "no command is written that a server of the cluster cannot read", true, "reads level", 0, true},
      {rule::old_stay_out, m::none, "old-server-joins", "a server that cannot read what was written is not taken in", false, "reads level", 0, true},
      {rule::none, raft::recovering_votes, "recovering-votes", "who forgot entries votes for nobody (raft/core/recovery.hpp)"},
      {rule::none, raft::leader_trusts_forgotten, "leader-trusts-forgotten", "what a follower forgot is sent again", false, {}, 0, false, 93},
      {rule::none, m::lease_survives_transfer, "lease-survives-transfer", "a leader that orders a transfer has no lease any more", false, {}, 0, false, 490},
      {rule::none, m::ack_before_sync, "ack-before-sync", "entries are durable before they are acknowledged", false, "durability", 0, false, 116},
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
      if (r.ok || r.failure.find(o.must_say) == std::string::npos) continue;
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

run_options broken_run(const mutation_row& row) {
  run_options o;
  o.agents = row.agents;
  o.upgrades = row.upgrades;
  o.seed = row.from;
  o.broken = row.broken;
  o.core_broken = row.core_broken;
  o.must_say = row.found_as;
  return o;
}

namespace {

struct share { // of the gate
  size_t nodes;
  uint32_t agents;
  uint64_t fixed, fresh; // seeds
  bool upgrades = false;
};
constexpr share shares[] = {{3, 0, 20, 120}, {5, 0, 20, 120}, {3, 0, 20, 40, true}, {3, 3, 100, 0}}; // agents: none fresh, until 1,000 seeds of one build were clean

int gate_failed(uint64_t runs, uint64_t failures) {
  fmt::print("{} passed, {} failed\n", runs - failures, failures);
  return 1;
}

} // namespace

int gate() {
  const auto start = std::chrono::steady_clock::now();
  const auto fresh = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1));
  uint64_t runs = 0;
  run_result total;
  for (const auto& s : shares)
    for (const uint64_t base : {uint64_t{1}, fresh}) {
      run_options o;
      o.seed = base;
      o.nodes = s.nodes;
      o.agents = s.agents;
      o.upgrades = s.upgrades;
      const auto r = run_seeds(o, base == 1 ? s.fixed : s.fresh, true);
      runs += r.runs;
      add_up(total, r.total);
      if (r.failures == 0) continue;
      o.seed = r.first_failure;
      fmt::print("FAILED {}\n  {}\n", r.failed.failure, replay_line(o));
      return gate_failed(runs, r.failures);
    }
  fmt::print("counts: {}\n", describe(total));
  for (const auto& c : all_counts) {
    if (!c.asked || total.*c.field > 0) continue;
    fmt::print("FAILED in {} runs there were no {}\n", runs, c.what);
    return gate_failed(runs + 1, 1);
  }
  for (const auto& row : mutations()) {
    if (row.plain) continue; // whole_test breaks those
    ++runs;
    if (run_seeds(broken_run(row), mutation_seeds, true).failures > 0) continue;
    fmt::print("FAILED {} breaks a rule, and that is not seen within {} seeds\n", row.name, mutation_seeds);
    return gate_failed(runs, 1);
  }
  fmt::print("sim gate of whole nodes: {} runs and broken rules, fresh seeds from {}, {:.1f} s: ok\n", runs, fresh, seconds_since(start));
  fmt::print("{} passed, 0 failed\n", runs);
  return 0;
}

int show_mutations() {
  int missed = 0;
  fmt::print("{:26} {:>6}  {}\n", "broken rule", "seed", "found as");
  for (const auto& row : mutations()) {
    const auto r = run_seeds(broken_run(row), mutation_seeds, true);
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
      log::add_sink(log::level::debug, [](const log::record& r) { fmt::print("           {}", log::format_line(r)); });
      continue;
    }
    if (flag == "--upgrades") {
      o.upgrades = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    bool ok = false;
    if (flag == "--seed") ok = number(value, o.seed);
    if (flag == "--seeds") ok = number(value, seeds) && seeds > 0;
    if (flag == "--seconds") ok = number(value, o.seconds);
    if (flag == "--nodes") ok = number(value, n) && (n == 3 || n == 5) && (o.nodes = n, true);
    if (flag == "--agents") ok = number(value, n) && n <= 3 && (o.agents = static_cast<uint32_t>(n), true);
    if (flag == "--mutation")
      for (const auto& m : mutations())
        if (m.name == value) o.broken = m.broken, o.core_broken = m.core_broken, o.agents = std::max(o.agents, m.agents), o.upgrades |= m.upgrades, ok = true;
    if (ok) continue;
    fmt::print(stderr, "usage: sim --whole [--seed N] [--seeds COUNT] [--seconds S] [--nodes 3|5] [--agents 0..3] [--upgrades] [--mutation NAME] [--trace] | --gate | --mutations\n");
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const bool expected = o.broken != rule::none || o.core_broken != raft::mutation::none;
  const auto r = run_seeds(o, seeds, expected);
  return report(o, r, seconds_since(start));
}

} // namespace actord::sim::whole
