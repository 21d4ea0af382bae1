#include "actors/members/servers_actor.hpp"
#include "actors/members/core/agent_tags.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/log.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace actord::members {

struct flood_due {}; // own timer

} // namespace actord::members

ACTORD_LOCAL_MESSAGE(actord::members::flood_due)

namespace actord::members {

namespace {

struct servers_state {
  static inline const char* name = "servers";
  servers_setup setup;
  std::map<node_name, server_member> servers; // by name
};

using pointer = caf::stateful_actor<servers_state>*;

std::string wan_name(const server_member& s) { return s.name + "." + s.datacenter; }

void flood(pointer self) {
  const auto& s = self->state;
  if (!s.setup.wan) return;
  const auto there = s.setup.wan_board->look();
  for (const auto& [name, server] : s.servers) {
    if (!server.alive || server.wan_join_port == 0 || there->find(wan_name(server)) != nullptr) continue;
    const auto host = server.ip.find(':') == std::string::npos ? server.ip : "[" + server.ip + "]";
    const auto address = wan_name(server) + "/" + host + ":" + std::to_string(server.wan_join_port);
    self->request(s.setup.wan, caf::infinite, pool_join{{address}})
        .then(
            [address](const pool_joined& j) {
              if (j.reached == 0) log::debug("agent.server", "Failed to flood-join server at address: address={} error=\"{}\"", address, j.failure.text);
              else log::debug("agent.server", "Successfully performed flood-join for server at address: address={}", address);
            },
            [](const caf::error&) {});
  }
}

void tell_raft(const servers_state& s, pointer self) {
  if (!s.setup.raft) return;
  servers_found found;
  for (const auto& [name, server] : s.servers) found.servers.push_back({server.id, server.name, server.rpc_address(), server.alive, server.left, server.command_level});
  self->send(s.setup.raft, std::move(found));
}

void heard(pointer self, const pool_news& news) {
  auto& s = self->state;
  bool changed = false, came = false;
  for (const auto& e : news.members) {
    auto server = parse_server(e.who);
    const bool ours = server && server->datacenter == s.setup.datacenter && !server->id.empty();
    const bool gone = e.change == member_change::reap;
    const auto it = s.servers.find(e.who.name);
    if (!ours || gone) {
      changed |= it != s.servers.end();
      s.servers.erase(e.who.name);
      continue;
    }
    if (it != s.servers.end() && it->second == *server) continue;
    if (e.change == member_change::join) log::info("agent.server", "Adding LAN server: server=\"{} (Addr: tcp/{}) (DC: {})\"", server->name, server->rpc_address(), server->datacenter);
    came |= server->alive;
    changed = true;
    s.servers.insert_or_assign(e.who.name, std::move(*server));
  }
  if (changed) tell_raft(s, self);
  if (came) flood(self);
}

caf::behavior servers_behavior(pointer self, servers_setup setup) {
  auto& s = self->state;
  s.setup = std::move(setup);
  self->send(s.setup.lan, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(self)});
  self->delayed_send(self, s.setup.flood_interval, flood_due{});
  return {
      [self](const pool_news& n) { heard(self, n); },
      [self](flood_due) {
        flood(self);
        self->delayed_send(self, self->state.setup.flood_interval, flood_due{});
      },
  };
}

} // namespace

caf::actor spawn_servers(caf::actor_system& system, servers_setup setup) { return system.spawn(servers_behavior, std::move(setup)); }

} // namespace actord::members
