// Faults: what breaks, when, and when it is mended again; and the operator, who replaces servers.
#include "actors/raft/core/wire.hpp"
#include "tests/sim/whole/world.hpp"
#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <filesystem>
#include <fstream>

namespace actord::sim::whole {

namespace {
enum cut : uint32_t { cut_halves, cut_one_way, cut_leader, cut_bridge, cut_kinds };
constexpr test::network_faults mended_network{.loss = 0, .duplicate = 0, .delay_min = 50, .delay_max = 400, .straggler = 0};
} // namespace

void world::inject_fault() {
  if (!load_) return;
  schedule(random_.between(1 * ms, 2 * fault_every_), "fault", 0, [this] { inject_fault(); });
  ++result_.faults;
  if (has_agents() && random_.chance(0.45)) return break_agent(most_servers + static_cast<uint32_t>(random_.below(options_.agents)));
  const uint32_t victim = leader_or_any();
  auto& s = servers_[victim];
  const uint64_t dice = random_.below(100);
  if (dice < 24) return cut_links(random_.chance(0.3) ? uint32_t{cut_leader} : static_cast<uint32_t>(random_.below(cut_kinds)), victim);
  if (dice < 50) {
    // A power loss often takes several machines.
    const bool power_loss = dice >= 36;
    look_who_votes();
    for (uint32_t n = 0; n < most_servers; ++n) {
      if (!servers_[n].up || (n != victim && !(power_loss && random_.chance(0.3)))) continue;
      crash(n, power_loss);
      if (may_forget() && random_.chance(0.4)) servers_[n].to_damage = true;
      schedule(random_.chance(0.5) ? random_.between(10, 500) * ms : random_.between(500, 8000) * ms, "restart", n, [this, n] { boot(n); });
    }
    return;
  }
  if (dice < 62) {
    ++result_.hangs;
    s.hung_until = std::max(s.hung_until, now() + random_.between(10, random_.chance(0.5) ? 1500 : 8000) * ms);
    return;
  }
  if (dice < 66) { // the clock jumps: forward, as after the pause of a virtual machine
    ++result_.jumps;
    set_clock(s, local_time(s) + std::chrono::milliseconds(random_.between(100, 20'000)));
    return wake(victim, now());
  }
  if (dice < 74) {
    s.tempo.slow_disk = random_.between(20, 600) * ms;
    return schedule(random_.between(200, 6000) * ms, "disk is quick", victim, [this, victim] { servers_[victim].tempo.slow_disk = 0; });
  }
  if (dice < 82) {
    ++result_.full_disks;
    s.full = true;
    return schedule(random_.between(200, 6000) * ms, "disk has room", victim, [this, victim] { servers_[victim].full = false; });
  }
  if (dice < 88) {
    ++result_.transfers;
    const auto to = random_.chance(0.5) ? std::string() : servers_[any_started()].hello.id;
    // The old leader is the last to hear of the new one.
    if (random_.chance(0.5)) schedule(random_.between(300, 4 * ms), "cut", victim, [this, victim] { if (load_) cut_links(cut_leader, victim); });
    return visit(victim, s.life, "transfer", [to](node& n) {
      n.in_front([raft = n.raft, to](caf::event_based_actor* self) {
        self->request(raft, caf::infinite, leadership_transfer{to}).then([](const apply_outcome&) {}, [](const caf::error&) {});
      });
    });
  }
  if (trouble_ == trouble::flaps) return change_members(victim);
  if (trouble_ == trouble::replaces) return want_replacement(victim);
  look_who_votes();
  const bool damages = may_forget();
  crash(victim, false);
  s.to_damage = s.to_damage || damages;
  schedule(random_.between(10, 2000) * ms, "restart", victim, [this, victim] { boot(victim); });
}

// The power fails for a majority at least, a moment after `slot` has acknowledged a write: what was not synced then is lost.
void world::strike(uint32_t slot) {
  if (!load_) return;
  ++result_.strikes;
  size_t spared = random_.chance(0.5) ? 0 : (options_.nodes - 1) / 2;
  for (uint32_t n = 0; n < most_servers; ++n) {
    if (!servers_[n].up || (n != slot && spared > 0 && random_.chance(0.5) && spared-- > 0)) continue;
    crash(n, true);
    schedule(random_.between(10, 1500) * ms, "restart", n, [this, n] { boot(n); });
  }
}

void world::cut_links(uint32_t kind, uint32_t victim) {
  ++result_.cuts;
  std::vector<bool> inside(ends(), false);
  if (kind == cut_leader) inside[victim] = true;
  else
    for (size_t i = 0; i < ends(); ++i) inside[i] = random_.chance(0.5);
  std::vector<std::pair<uint32_t, uint32_t>> links;
  for (uint32_t a = 0; a < ends(); ++a)
    for (uint32_t b = 0; b < ends(); ++b) {
      if (!inside[a] || inside[b]) continue;
      if (kind == cut_bridge && (a == victim || b == victim)) continue; // one sees both halves
      links.emplace_back(a, b);
      if (kind != cut_one_way) links.emplace_back(b, a);
    }
  for (auto [a, b] : links) network_.cut(a, b);
  const auto number = ++next_file_;
  cuts_[number] = std::move(links);
  schedule(random_.between(100, random_.chance(0.5) ? 2000 : 9000) * ms, "mend", 0, [this, number] {
    if (!load_) return; // everything was mended
    for (auto [a, b] : cuts_[number]) network_.mend(a, b);
    cuts_.erase(number);
  });
}

// Somebody's vote is taken away, or it is thrown out although it runs; who is connected comes back by itself.
void world::change_members(uint32_t slot) {
  const auto other = any_started();
  membership_change c;
  c.what = random_.chance(0.6) ? membership_change::kind::add_learner : membership_change::kind::remove;
  if (random_.chance(0.2)) c.what = membership_change::kind::add_voter;
  c.id = servers_[other].hello.id;
  c.address = servers_[other].hello.address;
  visit(slot, servers_[slot].life, "change", [c](node& n) {
    n.in_front([raft = n.raft, c](caf::event_based_actor* self) {
      self->request(raft, caf::infinite, leader_query{}).then([raft, c, self](const leader_info& info) {
        size_t voters = 0;
        for (auto& v : info.servers) voters += v.voter;
        if (voters < 3 && c.what != membership_change::kind::add_voter) return;
        self->request(raft, caf::infinite, c).then([](const apply_outcome&) {}, [](const caf::error&) {});
      }, [](const caf::error&) {});
    });
  });
}

// A server is gone for ever; another one with an empty disk takes its place. One at a time and only when the cluster is
// whole, so that a majority stays.
void world::want_replacement(uint32_t victim) {
  const auto slot = leader_or_any();
  visit(slot, servers_[slot].life, "whole?", [this, victim](node& n) {
    n.in_front([this, victim, raft = n.raft](caf::event_based_actor* self) {
      self->request(raft, caf::infinite, leader_query{true}).then([this, victim](const leader_info& info) {
        size_t voters = 0;
        // Not while a promotion is under way: if only the victim knows of it, the others' configuration needs the victim.
        bool whole = !info.leader_id.empty();
        for (auto& [name, text] : info.stats)
          if (name == "commit_index") whole = whole && info.configuration_index <= std::stoull(text);
        for (auto& v : info.servers) {
          const auto known = slot_of(v.id);
          whole = whole && known != most_servers && !servers_[known].gone;
          voters += v.voter;
        }
        if (whole && voters >= options_.nodes) schedule(1, "replace", victim, [this, victim] { replace(victim); });
      }, [](const caf::error&) {});
    });
  });
}

void world::replace(uint32_t victim) {
  uint32_t used = 0;
  for (auto& s : servers_) used += s.started;
  if (!load_ || joining_ != most_servers || used == most_servers || !servers_[victim].started || servers_[victim].gone) return;
  ++result_.replacements;
  crash(victim, random_.chance(0.5));
  servers_[victim].gone = true;
  const bool same_place = random_.chance(0.5);
  joining_ = used;
  add_server(same_place ? servers_[victim].hello.name : "s" + std::to_string(used), same_place ? servers_[victim].hello.address : "10.0.0." + std::to_string(used + 1) + ":8300", 0, false, true);
}

namespace {
bool has_forgotten(const server& s) {
  std::error_code ec;
  return s.started && (s.to_damage || s.damaged || std::filesystem::exists(s.folder + "/raft/recovering", ec));
}
} // namespace

// Whether a majority knows of all as voters, and nobody of fewer: while the cluster forms, and where autopilot has taken out who was
// dead for long, a minority of the voters is fewer. To be asked while they are up.
void world::look_who_votes() {
  size_t know = 0, fewer = 0;
  for (auto& s : servers_) {
    const auto records = s.up ? s.up->log->memberships() : std::vector<stored_log_record>();
    const auto members = records.empty() ? result<raft::membership>(error{}) : raft::decode_membership(records.back().payload);
    know += members && members->voters.size() == options_.nodes;
    fewer += members && members->voters.size() < options_.nodes;
  }
  all_vote_ = know > options_.nodes / 2 && fewer == 0;
}

// Raft lives with a minority of the voters that forgets at a time; one has forgotten until its mark is gone.
bool world::may_forget() const {
  if (trouble_ != trouble::damages) return false;
  const auto forgetful = static_cast<size_t>(std::count_if(servers_.begin(), servers_.end(), has_forgotten));
  return all_vote_ && forgetful + 1 <= (options_.nodes - 1) / 2;
}

std::string world::who_forgot() const {
  std::string out;
  for (auto& s : servers_)
    if (has_forgotten(s)) out += (out.empty() ? ", and these are not whole again: " : " ") + s.hello.name;
  return out;
}

// The log, or the state with all its snapshots, in one of several ways. What is kept twice (the vote) is damaged once.
void world::damage_files(uint32_t slot) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code ec;
  const bool log = random_.chance(0.5);
  const auto parts = log ? random_.below(3) : 0; // of the log: its database, its journal, or both
  if (log && parts != 1) files.push_back(servers_[slot].folder + "/raft/data.mdb");
  if (log && parts != 0) files.push_back(servers_[slot].folder + "/raft/journal");
  if (!log)
    for (auto& entry : fs::directory_iterator(servers_[slot].folder + "/state", ec))
      if (entry.path().extension() == ".mdb" && entry.path().filename() != "lock.mdb") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  const auto way = random_.below(3);
  for (auto& path : files) {
    const auto size = fs::exists(path, ec) ? fs::file_size(path, ec) : 0;
    if (size == 0) continue;
    ++result_.damages;
    if (way == 0) fs::resize_file(path, size / 2, ec);
    else if (way == 1) fs::remove(path, ec);
    else { // the content of every page
      std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
      const std::string nothing(4000, '\0');
      for (uint64_t at = 2 * 4096; at + 4096 <= size; at += 4096) out.seekp(static_cast<std::streamoff>(at + 16)).write(nothing.data(), static_cast<std::streamsize>(nothing.size()));
    }
  }
}

// Every now and then the operator looks at the cluster and removes who is gone, until what has come in its place votes.
void world::operate() {
  schedule(random_.between(700, 1500) * ms, "operator", 0, [this] { operate(); });
  if (joining_ == most_servers) return;
  const auto slot = leader_or_any();
  if (!servers_[slot].up) return;
  visit(slot, servers_[slot].life, "look", [this](node& n) {
    n.in_front([this, raft = n.raft](caf::event_based_actor* self) {
      self->request(raft, caf::infinite, leader_query{true}).then([this, raft, self](const leader_info& info) {
        bool settled = !info.leader_id.empty(), voter = false, joined = false;
        size_t voters = 0;
        std::string gone;
        for (auto& v : info.servers) {
          const auto known = slot_of(v.id);
          if (known != most_servers && servers_[known].gone) gone = v.id;
          joined = joined || known == joining_;
          voter = voter || (known == joining_ && v.voter);
          voters += v.voter;
        }
        if (!gone.empty()) {
          settled = false;
          // Without its successor the rest may be too few.
          if (voter || voters > options_.nodes || random_.chance(0.1)) {
            membership_change c;
            c.what = membership_change::kind::remove;
            c.id = gone;
            self->request(raft, caf::infinite, c).then([](const apply_outcome&) {}, [](const caf::error&) {});
          }
        }
        if (settled && voter && voters >= options_.nodes) joining_ = most_servers;
      }, [](const caf::error&) {});
    });
  });
}

void world::mend_everything() {
  load_ = false;
  mended_at_ = now();
  network_.heal(mended_network);
  cuts_.clear();
  for (uint32_t n = 0; n < most_servers; ++n) {
    auto& s = servers_[n];
    s.full = false;
    s.tempo.slow_disk = 0;
    s.tempo.stall = 0;
    if (!s.started || s.gone) continue;
    if (options_.upgrades) upgrade(n);
    if (s.up) wake(n, now());
    else boot(n);
  }
  for (uint32_t slot = most_servers; slot < ends(); ++slot) {
    auto& c = client_at(slot);
    c.full = false;
    c.tempo.slow_disk = 0;
    c.tempo.stall = 0;
    if (c.up) wake(slot, now());
    else if (c.how == fate::runs) boot_agent(slot);
  }
  abandon_locks();
  for (uint32_t c = 0; c < client_count; ++c) {
    final_left_[c] = 1 + key_count;
    if (running_[c] == 0) schedule(10 * ms, "client", 0, [this, c] { if (running_[c] == 0) start_operation(c); });
  }
}

} // namespace actord::sim::whole
