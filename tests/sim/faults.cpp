// Faults: what breaks, when, and when it is mended again.
#include "tests/sim/world.hpp"

namespace actord::sim {

void world::inject_fault() {
  if (!load_) return;
  const scenario& f = *options_.faults;
  schedule(random_.between(1, 2 * fault_every_), at(event_kind::fault, 0));
  const uint32_t weights[] = {f.partition, f.one_way, f.isolate_leader, f.kill, f.power_loss, f.pause, f.transfer,
                              f.change,    f.damage};
  uint64_t sum = 0;
  for (uint32_t w : weights) sum += w;
  uint64_t dice = random_.below(sum);
  uint32_t kind = 0;
  while (dice >= weights[kind]) dice -= weights[kind++];
  const uint32_t victim = leader_or_any();
  switch (kind) {
  case 0: return cut_links(cut_both_ways, victim);
  case 1: return cut_links(cut_one_way, victim);
  case 2: return cut_links(cut_leader, victim);
  case 3:
  case 4: {
    // A power loss often takes several machines.
    const bool power_loss = kind == 4;
    for (uint32_t n = 0; n < servers_.size(); ++n) {
      if (n != victim && !(power_loss && random_.chance(0.25))) continue;
      crash(n, power_loss);
      schedule(random_.chance(0.4) ? random_.between(1, 15) : random_.between(15, 600), at(event_kind::restart, n));
    }
    return;
  }
  case 5: servers_[victim].paused_until = time_.now() + random_.between(10, 400); return;
  case 6:
    if (servers_[victim].core) {
      servers_[victim].core->transfer_leadership(servers_[random_.below(servers_.size())].name);
      perform_effects(victim);
    }
    return;
  case 7: return change_members(victim);
  case 8: return damage_log(random_.chance(0.5) ? victim : static_cast<uint32_t>(random_.below(servers_.size())));
  default: return;
  }
}

// A server stops, and its log is damaged when it comes back. Raft lives with a minority that forgets at a time.
void world::damage_log(uint32_t n) {
  size_t forgetful = 0;
  for (auto& s : servers_) forgetful += s.forgot;
  server& s = servers_[n];
  if (!s.core || s.forgot || forgetful + 1 > (options_.nodes - 1) / 2) return;
  crash(n, random_.chance(0.3));
  s.store.lose_log(s.applied, std::make_shared<const kv_machine>(s.machine));
  s.forgot = true;
  schedule(random_.chance(0.6) ? random_.between(1, 15) : random_.between(15, 300), at(event_kind::restart, n));
}

// Somebody campaigns or has won: a moment later something happens to it, or to one of its voters.
void world::disturb_election(uint32_t n) {
  if (!load_ || !random_.chance(election_fault_)) return;
  const auto victim = random_.chance(0.5) ? n : static_cast<uint32_t>(random_.below(servers_.size()));
  schedule(random_.below(40), at(event_kind::election_fault, victim));
}

void world::hit_election(uint32_t n) {
  if (!load_) return;
  if (random_.chance(0.25)) return cut_links(cut_leader, n);
  crash(n, random_.chance(0.7));
  schedule(random_.chance(0.5) ? random_.between(1, 15) : random_.between(15, 500), at(event_kind::restart, n));
}

void world::cut_links(uint32_t kind, uint32_t leader) {
  const auto n = static_cast<uint32_t>(servers_.size());
  std::vector<bool> inside(n, false);
  if (kind == cut_leader) {
    inside[leader] = true;
  } else {
    for (uint32_t i = 0; i < n; ++i) inside[i] = random_.chance(0.5);
  }
  std::vector<std::pair<uint32_t, uint32_t>> links;
  for (uint32_t a = 0; a < n; ++a) {
    for (uint32_t b = 0; b < n; ++b) {
      if (inside[a] && !inside[b]) {
        links.emplace_back(a, b);
        if (kind != cut_one_way) links.emplace_back(b, a);
      }
    }
  }
  for (auto [a, b] : links) network_.cut(a, b);
  cuts_.push_back(std::move(links));
  schedule(random_.between(20, 800), at(event_kind::mend, 0, cuts_.size() - 1));
}

void world::mend(uint64_t fault) {
  if (!load_) return; // everything was mended
  for (auto [a, b] : cuts_[fault]) network_.mend(a, b);
}

} // namespace actord::sim
