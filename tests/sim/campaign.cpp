#include "tests/sim/campaign.hpp"
#include "actors/raft/core/recovery.hpp"
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace actord::sim {

namespace {

constexpr uint64_t mutation_seeds = 1000;
constexpr uint64_t gate_seeds = 60; // per scenario and size

void add_up(run_result& sum, const run_result& r) {
  sum.committed += r.committed;
  sum.acknowledged += r.acknowledged;
  sum.reads += r.reads;
  sum.elections += r.elections;
  sum.crashes += r.crashes;
  sum.snapshots += r.snapshots;
  sum.changes += r.changes;
  sum.undecided += r.undecided;
}

// What no run of the gate did was not tested by it, and what nobody could decide was not either.
std::string missing(const run_result& t) {
  for (const auto& [what, count] : {std::pair{"entry", t.committed}, {"write", t.acknowledged}, {"read", t.reads}, {"leader", t.elections},
                                    {"crash", t.crashes}, {"snapshot", t.snapshots}, {"change of the members", t.changes}}) {
    if (count == 0) return fmt::format("not one {} in all runs", what);
  }
  if (t.undecided * 100 > t.acknowledged) return fmt::format("{} keys undecided beside {} writes", t.undecided, t.acknowledged);
  return {};
}

std::string_view name_of(raft::mutation m) {
  for (const auto& row : mutations()) {
    if (row.broken == m) return row.name;
  }
  return "none";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

std::string describe(const run_result& t) {
  return fmt::format("{} entries committed, {} writes and {} reads answered, {} terms led, {} crashes, {} snapshots installed, {} changes of the members, "
                     "{} keys undecided",
                     t.committed, t.acknowledged, t.reads, t.elections, t.crashes, t.snapshots, t.changes, t.undecided);
}

const std::vector<mutation_row>& mutations() {
  using m = raft::mutation;
  static const std::vector<mutation_row> table{
      {m::vote_twice, "failures", "vote-twice", "one vote per term (paper 5.2)"},
      {m::ack_before_sync, "failures", "ack-before-sync", "entries are durable before they are acknowledged (figure 2)"},
      {m::vote_before_sync, "failures", "vote-before-sync", "term and vote are durable before an answer (figure 2)"},
      {m::commit_older_terms, "failures", "commit-older-terms", "only the own term's entries are committed by counting (5.4.2)"},
      {m::skip_up_to_date_check, "failures", "skip-up-to-date-check", "no vote for a log that lacks entries (5.4.1)"},
      {m::keep_conflicting, "failures", "keep-conflicting", "conflicting entries are deleted (5.3)"},
      {m::read_without_quorum, "failures", "read-without-quorum", "a read is served after a quorum confirmed the leader (thesis 6.4)"},
      {m::forget_vote_on_restart, "failures", "forget-vote-on-restart", "the vote survives a restart (figure 2)"},
      {m::change_two_at_once, "changes", "change-two-at-once", "one voter comes or goes at a time (thesis 4.1)"},
      {m::change_before_own_commit, "hasty", "change-before-own-commit", "a leader's first entry comes before a change"},
      {m::change_while_uncommitted, "changes", "change-while-uncommitted", "one change at a time (thesis 4.1)"},
      {m::learner_counts_as_voter, "changes", "learner-counts-as-voter", "learners are not counted (thesis 4.2.1)"},
      {m::removed_leader_counts_itself, "changes", "removed-leader-counts-itself", "who was taken out is not counted (4.2.2)"},
      {m::keep_reverted_members, "changes", "keep-reverted-members", "a configuration goes with its entry (thesis 4.1)"},
      {m::snapshot_without_members, "changes", "snapshot-without-members", "a snapshot carries its configuration (thesis 5.1)"},
      {raft::recovering_votes, "damage", "recovering-votes", "who forgot entries votes for nobody (raft/core/recovery.hpp)"},
      {raft::recovered_when_heard, "damage", "recovered-when-heard", "who forgot entries is whole when it has the leader's log"},
      {raft::leader_trusts_forgotten, "damage", "leader-trusts-forgotten", "what a follower forgot is sent again"},
  };
  return table;
}

std::string replay_line(const run_options& o) {
  std::string line = fmt::format("sim --seed {} --ticks {} --scenario {} --nodes {}", o.seed, o.ticks, o.faults->name,
                                 o.nodes);
  if (o.broken != raft::mutation::none) line += fmt::format(" --mutation {}", name_of(o.broken));
  return line;
}

campaign_result run_seeds(const run_options& first, uint64_t count, bool stop_at_failure) {
  campaign_result sum;
  std::mutex guard;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> stop{false};
  const auto work = [&] {
    while (!stop) {
      const uint64_t i = next++;
      if (i >= count) return;
      run_options o = first;
      o.seed = first.seed + i;
      const run_result r = run_world(o);
      std::lock_guard lock(guard);
      ++sum.runs;
      add_up(sum.total, r);
      if (r.ok) continue;
      if (sum.failures++ == 0 || o.seed < sum.first_failure) {
        sum.first_failure = o.seed;
        sum.failed = r;
      }
      if (stop_at_failure) stop = true;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned n = std::max(1U, std::thread::hardware_concurrency()); n > 0; --n) threads.emplace_back(work);
  for (auto& t : threads) t.join();
  return sum;
}

int gate() {
  const auto start = std::chrono::steady_clock::now();
  // Fresh seeds, so that every run of the gate looks at worlds that nobody has seen; printed, so that they can be again.
  const auto fresh = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1));
  uint64_t runs = 0;
  run_result total;
  for (const uint64_t base : {uint64_t{1}, fresh}) {
    for (const auto& s : scenarios()) {
      for (const size_t nodes : {size_t{3}, size_t{5}}) {
        run_options o{.seed = base, .ticks = 1000, .nodes = nodes, .faults = &s};
        const auto r = run_seeds(o, base == 1 ? 5 : gate_seeds, true);
        runs += r.runs;
        add_up(total, r.total);
        if (r.failures == 0) continue;
        o.seed = r.first_failure;
        fmt::print("FAILED {}\n  {}\n", r.failed.failure, replay_line(o));
        fmt::print("{} passed, {} failed\n", runs - r.failures, r.failures);
        return 1;
      }
    }
  }
  fmt::print("counts: {}\n", describe(total));
  if (const auto why = missing(total); !why.empty()) {
    fmt::print("FAILED {}\n{} passed, 1 failed\n", why, runs - 1);
    return 1;
  }
  fmt::print("sim gate: {} runs, fresh seeds from {}, {:.1f} s: ok\n", runs, fresh, seconds_since(start));
  fmt::print("{} passed, 0 failed\n", runs);
  return 0;
}

int show_mutations() {
  int missed = 0;
  fmt::print("{:28} {:>6}  {:>5}  {}\n", "broken rule", "seed", "nodes", "found as");
  for (const auto& row : mutations()) {
    bool found = false;
    for (const size_t nodes : {size_t{3}, size_t{5}}) {
      run_options o{.seed = 1, .ticks = 1000, .nodes = nodes, .faults = find_scenario(row.scenario), .broken = row.broken};
      const auto r = run_seeds(o, mutation_seeds, true);
      if (r.failures == 0) {
        fmt::print("{:28} {:>6}  {:>5}  {}\n", row.name, "-", nodes, "not within 1000 seeds");
        continue;
      }
      found = true;
      fmt::print("{:28} {:>6}  {:>5}  {}\n", row.name, r.first_failure, nodes, r.failed.failure);
    }
    if (!found) ++missed;
  }
  return missed == 0 ? 0 : 1;
}

} // namespace actord::sim
