// Client agents: how they come, break, leave and come back.
#include "actors/messages/agent_messages.hpp"
#include "tests/sim/whole/world.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <caf/send.hpp>
#include <filesystem>
#include <fmt/format.h>

namespace actord::sim::whole {

void world::add_agents() {
  auto c = std::make_shared<node_config>();
  const auto pick = [this](std::initializer_list<int> from) { return std::chrono::milliseconds(from.begin()[random_.below(from.size())]); };
  c->datacenter = "dc1";
  c->port_server = 8300;
  c->port_serf_lan = gossip_port;
  c->gossip_lan_probe_interval = pick({300, 500, 1000});
  c->gossip_lan_probe_timeout = c->gossip_lan_probe_interval / 2;
  c->gossip_lan_gossip_interval = pick({100, 200});
  c->retry_interval = pick({3000, 30000});
  c->ae_interval = pick({3000, 8000, 20000});
  for (auto& s : servers_)
    if (s.started) c->retry_join.push_back(s.hello.address.substr(0, s.hello.address.find(':')));
  gossip_config_ = std::move(c);
  for (uint32_t i = 0; i < options_.agents; ++i) {
    auto& a = clients_[i];
    a.started = true;
    a.name = "c" + std::to_string(i);
    a.id = fmt::format("{:08x}-0000-4000-8000-{:012x}", most_servers + i, options_.seed & 0xffffffffffff);
    a.ip = "10.0.9." + std::to_string(i + 1);
    a.folder = folder_ + "/" + a.name;
    a.rate = 0.97 + 0.0001 * static_cast<double>(random_.below(600));
    a.clock = time_point(std::chrono::seconds(random_.between(1000, 1'000'000)));
    a.clock_at = now();
    a.tempo.usual = random_.between(50, 400);
    a.tempo.disk = random_.between(200, 8 * ms);
    a.tempo.stall = random_.chance(0.5) ? 0.0005 : 0;
    a.judge = std::make_unique<registration_judge>([this, name = a.name](std::string what) { fail(name + ": " + std::move(what)); });
    const auto slot = most_servers + i;
    schedule(random_.between(1, 3000) * ms, "boot", slot, [this, slot] { boot_agent(slot); });
    schedule(random_.between(1, 4) * second, "program", slot, [this, slot] { ask_agent(slot); });
  }
  schedule(3 * second, "meddler", 0, [this] { meddle(); });
  schedule(second, "catalog?", 0, [this] { notice(); });
}

local_times world::times_of(const site& p) const {
  const auto t = std::chrono::duration_cast<nanos>(local_time(p).time_since_epoch()).count();
  return {t, t / 1'000'000'000};
}

void world::boot_agent(uint32_t slot) {
  auto& c = client_at(slot);
  if (c.up || c.how == fate::dead) return;
  client_plan p;
  p.slot = slot;
  p.life = ++c.life;
  p.config = *gossip_config_;
  p.config.node_name = c.name;
  p.config.node_id = c.id;
  p.config.advertise_addr = c.ip;
  p.config.serf_advertise_lan = {c.ip, gossip_port, {}};
  p.config.data_dir = c.folder;
  p.hold = drawn_.hold;
  p.seed = random_();
  p.clock = local_time(c);
  p.full = &c.full;
  c.how = fate::runs;
  c.began = false;
  c.hung_until = 0;
  c.up_since = now();
  c.born = times_of(c);
  std::error_code ec;
  std::filesystem::create_directories(c.folder, ec);
  auto up = client_node::boot(*this, std::move(p), c.tempo, prng(random_()));
  if (!up) return fail(fmt::format("{} does not start: {}", c.name, up.err().text));
  c.up = std::move(*up);
  c.work_at = never;
  wake(slot, now());
}

void world::agent_began(client_node& at, const error& failed) {
  auto& c = client_at(at.slot);
  if (failed.code != errc::none) return fail(fmt::format("{} does not start: {}", c.name, failed.text));
  c.began = true;
  c.judge->began(*at.board, c.born, times_of(c));
}

// It has left, and its process ends.
void world::agent_stops(client_node& at) {
  const auto slot = at.slot;
  const auto life = at.life;
  schedule(random_.between(1, 20) * ms, "stops", slot, [this, slot, life] {
    auto& c = client_at(slot);
    if (!c.up || c.life != life) return;
    crash_agent(slot, false);
    c.how = fate::left;
    c.gone_at = now();
    c.calm_leave = c.calm_leave && all_is_well() && c.faults_before == result_.faults;
    ++result_.agents_left;
    if (load_ && random_.chance(0.5)) schedule(random_.between(100, 9000) * ms, "comes back", slot, [this, slot] { if (client_at(slot).how == fate::left && load_) boot_agent(slot); });
  });
}

void world::crash_agent(uint32_t slot, bool power_loss) {
  auto& c = client_at(slot);
  if (!c.up) return;
  c.clock = local_time(c);
  c.clock_at = now();
  auto dying = std::move(c.up);
  dying.reset();
  ++c.life;
  c.work_at = never;
  c.began = false;
  c.asked = 0;
  c.judge->died(times_of(c));
  take_down(slot, power_loss);
}

void world::take_down(uint32_t slot, bool power_loss) {
  lose_streams(slot, power_loss);
  for (auto at = remote_calls_.begin(); at != remote_calls_.end();) {
    const auto number = at->first;
    auto& q = (at++)->second;
    if (q.from == slot) remote_calls_.erase(number);
    else if (q.to == slot) // its connection is reset, or nobody answers any more
      schedule(power_loss ? random_.between(1, 10) * second : random_.between(100, 20 * ms), "call lost", q.from, [this, number] { end_call(number, rpc::attempt::lost, {}, {}); });
  }
}

void world::visit_agent(uint32_t slot, uint64_t life, const char* what, std::function<void(client_node&)> f) {
  enter(slot, life, what, [this, slot, f = std::move(f)] { f(*client_at(slot).up); });
}

void world::look_at_agent(uint32_t slot) {
  auto& c = client_at(slot);
  if (!c.up || !c.began) return;
  const bool on_time = now() > std::max(c.up_since, c.hung_last) + 3 * second;
  c.judge->look(*c.up->board, times_of(c), on_time);
}

bool world::all_is_well() const {
  if (!cuts_.empty()) return false;
  for (auto& s : servers_)
    if (s.started && (!s.up || s.hung_until > now())) return false;
  for (auto& c : clients_)
    if (c.hung_until > now()) return false;
  return true;
}

void world::break_agent(uint32_t slot) {
  auto& c = client_at(slot);
  if (!c.up || c.how != fate::runs) return;
  const auto dice = random_.below(100);
  if (dice < 40) {
    ++result_.agents_died;
    crash_agent(slot, random_.chance(0.3));
    return schedule(random_.chance(0.5) ? random_.between(10, 500) * ms : random_.between(500, 12'000) * ms, "restart", slot, [this, slot] { if (client_at(slot).how != fate::left) boot_agent(slot); });
  }
  if (dice < 48) { // for good, unless there would be none left
    if (std::count_if(clients_.begin(), clients_.end(), [](auto& x) { return x.how == fate::dead; }) + 1 >= static_cast<long>(clients_.size())) return;
    ++result_.agents_for_good;
    c.was_there = health_.contains(c.name);
    crash_agent(slot, random_.chance(0.3));
    c.how = fate::dead;
    c.gone_at = now();
    return;
  }
  if (dice < 58) return leave(slot);
  if (dice < 74) {
    ++result_.hangs;
    c.hung_until = std::max(c.hung_until, now() + random_.between(10, random_.chance(0.5) ? 1500 : 9000) * ms);
    c.hung_last = c.hung_until;
    return;
  }
  if (dice < 84) {
    c.full = true;
    ++result_.full_disks;
    return schedule(random_.between(200, 6000) * ms, "disk has room", slot, [this, slot] { client_at(slot).full = false; });
  }
  if (dice < 92) {
    c.tempo.slow_disk = random_.between(20, 600) * ms;
    return schedule(random_.between(200, 6000) * ms, "disk is quick", slot, [this, slot] { client_at(slot).tempo.slow_disk = 0; });
  }
  cut_links(0, slot);
}

void world::leave(uint32_t slot) {
  auto& c = client_at(slot);
  if (!c.began || c.how != fate::runs) return;
  c.how = fate::leaving;
  c.may_go = true;
  c.calm_leave = all_is_well();
  // The farewell of one whose coming back is not known yet may be lost on who takes it for dead.
  for (uint32_t other = 0; other < ends(); ++other)
    if (const auto* pool = pool_of(other)) {
      const auto seen = pool->board->look();
      const auto* m = seen->find(c.name);
      c.calm_leave = c.calm_leave && m && m->status == members::member_status::alive;
    }
  c.faults_before = result_.faults;
  visit_agent(slot, c.life, "leave", [](client_node& n) {
    n.in_front([leave = n.leave](caf::event_based_actor* self) {
      self->request(leave, caf::infinite, agent_leave{}).then([](const agent_done&) {}, [](const caf::error&) {});
    });
  });
}

uint32_t world::slot_of_ip(std::string_view ip) const {
  char text[INET_ADDRSTRLEN] = {};
  if (ip.size() != 4 || !inet_ntop(AF_INET, ip.data(), text, sizeof text)) return ends();
  const std::string_view wanted = text;
  for (uint32_t n = 0; n < most_servers; ++n)
    if (servers_[n].started && servers_[n].hello.address.substr(0, servers_[n].hello.address.find(':')) == wanted) return n;
  for (uint32_t n = 0; n < clients_.size(); ++n)
    if (clients_[n].ip == wanted) return most_servers + n;
  return ends();
}

// How members stand in the catalog, once a second, at one server that is up.
void world::notice() {
  schedule(second, "catalog?", 0, [this] { notice(); });
  const auto slot = leader_or_any();
  if (!servers_[slot].up) return;
  auto view = servers_[slot].up->views->open();
  if (view.applied_index() < noticed_) return;
  noticed_ = view.applied_index();
  query_meta meta;
  std::map<std::string, std::string> seen;
  for (auto& c : view.checks_in_state(health_any, meta))
    if (c.check_id == "serfHealth") seen[c.node] = c.status;
  for (auto& [node, status] : seen) {
    const auto before = health_.find(node);
    if (before == health_.end() || before->second == status) continue;
    ++(status == health_critical ? result_.found_failed : result_.found_back);
  }
  // A leader takes out who left; and whom it has not known for 30 s, which is longer than the load, unless its clock jumps.
  for (auto& c : clients_)
    if (load_ && result_.jumps == 0 && !c.may_go && health_.contains(c.name) && !view.node(c.name, meta)) fail(fmt::format("the catalog: {} was taken out, and it has not left", c.name));
  health_ = std::move(seen);
}

} // namespace actord::sim::whole
