// A cluster is brought from one version to the next, a server at a time, while faults go on and somebody writes commands that only the next
// one reads. A server of before is one that says the first level of commands; what it would make of a higher one is judged (judge.cpp).
#include "storage/command/commands.hpp"
#include "storage/command/row.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/event_based_actor.hpp>
#include <fmt/format.h>

namespace actord::sim::whole {

void world::plan_upgrade(uint32_t slot) {
  if (random_.chance(0.2)) return; // it has the new version from the start
  servers_[slot].hello.command_level = 1;
  schedule(random_.between(2, 20) * second, "upgrade", slot, [this, slot] { upgrade(slot); });
}

void world::upgrade(uint32_t slot) {
  auto& s = servers_[slot];
  if (s.gone || s.hello.command_level == highest_command_level()) return;
  ++result_.upgrades;
  const bool runs = s.up != nullptr; // else it is about to
  if (runs) crash(slot, false);
  s.hello.command_level = highest_command_level();
  if (runs) schedule(random_.between(10, 1500) * ms, "restart", slot, [this, slot] { boot(slot); });
}

// Until the faults are over, and then until one is written.
void world::write_new_command() {
  if (!load_ && new_command_written_) return;
  schedule(random_.between(100, 800) * ms, "new command", 0, [this] { write_new_command(); });
  const auto slot = leader_or_any();
  if (!servers_[slot].up) return;
  const auto number = ++new_commands_;
  query_request r;
  r.datacenter = "dc1";
  r.op = "create";
  auto& q = r.query.emplace();
  q.id = fmt::format("{:08x}-0000-4000-8000-000000000000", number);
  q.name = fmt::format("query-{}", number);
  q.service.service = "web";
  visit(slot, servers_[slot].life, "new command", [number, command = encode_command(command_kind::prepared_query, r)](node& n) {
    proposals p;
    p.batch.push_back({first_new_command + number, command});
    p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
    caf::anon_send(n.raft, std::move(p));
  });
}

void world::new_command_settled(const apply_result& r) {
  if (r.failure.code == errc::none) {
    ++result_.new_commands;
    if (!load_) new_command_written_ = true;
  } else if (r.failure.text.find("is not written before all servers can read it") != std::string::npos) {
    ++result_.too_new;
  }
}

} // namespace actord::sim::whole
