// Programs that register services and checks with their client agent, one call at a time; and who changes the catalog behind the
// agents' backs, which they have to notice.
#include "actors/messages/agent_messages.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/agent.hpp"
#include "tests/sim/whole/world.hpp"
#include <algorithm>
#include <caf/send.hpp>
#include <fmt/format.h>

namespace actord::sim::whole {

namespace {

constexpr uint64_t service_count = 4, check_count = 2;

check_registration ttl_check(const std::string& id) {
  check_registration c;
  c.id = c.name = id;
  c.ttl = registration_judge::ttl_of(id);
  return c;
}

void carry_out(caf::event_based_actor* self, const agent_handle& agent, const registrar_call& c, const std::function<void(bool)>& told) {
  const auto ask = [&](auto message) {
    self->request(agent, caf::infinite, std::move(message)).then([told](const agent_done& d) { told(d.failure.code == errc::none); }, [](const caf::error&) {});
  };
  using kind = registrar_call::kind;
  if (c.what == kind::beat) return ask(check_ttl_update{c.id, c.status, "so it is"});
  if (c.version == 0) return c.what == kind::service ? ask(service_remove{c.id}) : ask(check_remove{c.id});
  if (c.what == kind::check) {
    check_add add;
    add.check = ttl_check(c.id);
    add.check.notes = std::to_string(c.version);
    return ask(std::move(add));
  }
  service_add add;
  add.service.id = c.id;
  add.service.name = "web";
  add.service.port = static_cast<int64_t>(c.version);
  if (registration_judge::is_checked(c.id)) add.service.checks.push_back(ttl_check(registration_judge::check_of(c.id)));
  ask(std::move(add));
}

} // namespace

registrar_call world::draw_call(const agent_site& c) {
  registrar_call out;
  const auto shown = c.up->board->checks();
  const auto dice = random_.below(100);
  if ((dice < 50 || !load_) && !shown.empty()) {
    out.what = registrar_call::kind::beat;
    out.id = shown[random_.below(shown.size())]->check_id;
    const auto how = load_ ? random_.below(10) : 0;
    out.status = std::string(how < 7 ? health_passing : how < 9 ? health_warning : health_critical);
    return out;
  }
  const bool service = random_.chance(0.7);
  out.what = service ? registrar_call::kind::service : registrar_call::kind::check;
  out.id = (service ? "svc-" : "chk-") + std::to_string(random_.below(service ? service_count : check_count));
  return out;
}

void world::ask_agent(uint32_t slot) {
  auto& c = client_at(slot);
  const auto pause = load_ ? random_.between(5, 700) * ms : random_.between(100, 900) * ms;
  schedule(pause, "program", slot, [this, slot] { ask_agent(slot); });
  // In the closing round one program goes on saying that all is well; of the others every TTL runs out.
  if (!c.up || !c.began || c.asked != 0 || c.how != fate::runs || (!load_ && slot != most_servers)) return;
  auto call = draw_call(c);
  if (call.what != registrar_call::kind::beat) {
    if (!load_) return;
    const auto checks = c.up->board->checks();
    const bool there = call.what == registrar_call::kind::service ? c.up->board->service(call.id) != nullptr
                                                                  : std::any_of(checks.begin(), checks.end(), [&](auto& k) { return k->check_id == call.id; });
    if (!there || random_.chance(0.6)) call.version = 1000 + ++c.versions;
  }
  const auto number = c.asked = ++c.calls;
  c.judge->asked(call, times_of(c));
  visit_agent(slot, c.life, "registration", [this, slot, number, call](client_node& n) {
    n.in_front([this, slot, number, call, agent = n.agent, life = n.life](caf::event_based_actor* self) {
      carry_out(self, agent, call, [this, slot, life, number](bool done) { told_by_agent(slot, life, number, done); });
    });
  });
}

void world::told_by_agent(uint32_t slot, uint64_t life, uint64_t number, bool done) {
  auto& c = client_at(slot);
  if (!c.up || c.life != life) return;
  if (c.asked != number) return fail(fmt::format("{}: a program is answered twice", c.name));
  c.asked = 0;
  c.judge->told(done, times_of(c));
  if (!done) return void(++result_.refused);
  // The machine dies a moment after it has promised something.
  if (!load_ || !random_.chance(0.02)) return;
  schedule(random_.below(4 * ms), "strike", slot, [this, slot, life] {
    auto& struck = client_at(slot);
    if (!load_ || !struck.up || struck.life != life || struck.how != fate::runs) return;
    ++result_.agent_strikes;
    crash_agent(slot, true);
    schedule(random_.between(10, 1500) * ms, "restart", slot, [this, slot] { boot_agent(slot); });
  });
}

// Somebody takes away what an agent has registered, or puts something in that it has not.
void world::meddle() {
  if (!load_) return;
  schedule(random_.between(300, 6000) * ms, "meddler", 0, [this] { meddle(); });
  const auto slot = leader_or_any();
  auto& c = clients_[random_.below(clients_.size())];
  const auto dice = random_.below(10), which = random_.below(service_count);
  if (!servers_[slot].up || c.how != fate::runs) return;
  c.last_meddled = now();
  ++result_.meddled;
  std::string command;
  if (dice < 5) {
    register_request r;
    r.datacenter = "dc1";
    r.id = c.id;
    r.node = c.name;
    r.address = c.ip;
    r.skip_node_update = true;
    auto& s = r.service.emplace();
    s.id = s.service = dice < 3 ? "alien-" + std::to_string(which) : "svc-" + std::to_string(which);
    s.port = 7;
    command = encode_command(command_kind::catalog_register, r);
  } else {
    deregister_request r;
    r.datacenter = "dc1";
    r.node = c.name;
    if (dice < 7) r.service_id = "svc-" + std::to_string(which);
    else if (dice < 9) r.check_id = "chk-" + std::to_string(which % check_count);
    else c.may_go = true;
    command = encode_command(command_kind::catalog_deregister, r);
  }
  visit(slot, servers_[slot].life, "meddling", [this, command](node& n) {
    proposals p;
    p.batch.push_back({first_meddling + ++meddles_, command});
    p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
    caf::anon_send(n.raft, std::move(p));
  });
}

} // namespace actord::sim::whole
