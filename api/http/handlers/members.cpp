// The gossip pools at /v1/agent/: members, join, force-leave.
#include "actors/members/core/address_text.hpp"
#include "actors/messages/pool_messages.hpp"
#include "api/http/elsewhere.hpp"
#include "api/http/handlers/agent_handlers.hpp"
#include <caf/send.hpp>

namespace actord::http {

// As Consul's API shows a member of serf.
void member_json(json_writer& w, const members::member& m) {
  auto number = [&](std::string_view name, int64_t n) {
    w.plain_key(name);
    w.number(n);
  };
  w.begin_object();
  w.plain_key("Name");
  w.string(m.name);
  w.plain_key("Addr");
  w.string(members::ip_text(m.at.ip));
  number("Port", m.at.port);
  w.plain_key("Tags");
  w.begin_object();
  for (const auto& [name, value] : m.tags) {
    w.key(name);
    w.string(value);
  }
  w.end_object();
  number("Status", static_cast<int64_t>(m.status));
  number("ProtocolMin", m.vsn[0]);
  number("ProtocolMax", m.vsn[1]);
  number("ProtocolCur", m.vsn[2]);
  number("DelegateMin", m.vsn[3]);
  number("DelegateMax", m.vsn[4]);
  number("DelegateCur", m.vsn[5]);
  w.end_object();
}

namespace {
constexpr size_t many_members = 500; // more take longer to write down than others should wait
} // namespace

void agent_members(exchange& x) {
  const bool wan = !x.req.param("wan").empty();
  const std::string_view segment = x.req.param("segment");
  if (wan && !segment.empty() && segment != "_all") return x.out.text(400, "Cannot provide a segment with wan=true");
  if (!x.env.config.server && !segment.empty() && segment != "_all")
    return x.out.text(500, "segment \"" + std::string(segment) + "\" not found");
  if (!segment.empty() && segment != "_all") return x.out.text(500, "Network segments are not supported in this version of Consul");
  const auto& board = wan ? x.env.cluster.wan_members : x.env.cluster.lan_members;
  if (!board || (wan && !x.env.config.server)) return x.out.begin_json().null();
  auto list = [view = board->look()](response& out) {
    auto w = out.begin_json();
    w.begin_array();
    for (const auto& m : view->members) member_json(w, m);
    w.end_array();
  };
  if (board->look()->members.size() <= many_members) return list(x.out);
  x.out.answered = true;
  make_elsewhere(x.env, x.defer(), list);
}

void agent_join(exchange& x) {
  const bool wan = !x.req.param("wan").empty();
  const std::string to(x.req.tail);
  if (to.empty()) return x.out.text(500, "1 error occurred:\n\t* Failed to resolve : lookup : no such host\n\n");
  const auto& pool = wan ? x.env.cluster.wan : x.env.cluster.lan;
  if (!pool) return x.out.text(500, wan ? "Must be a server to join WAN cluster" : "gossip is off on this agent");
  auto later = x.defer();
  x.env.self->request(pool, caf::infinite, pool_join{{to}})
      .then(
          [later](const pool_joined& j) {
            later.answer([&](response& out) {
              if (j.reached == 0 && j.failure.code != errc::none) out.text(500, j.failure.text);
              else out.empty();
            });
          },
          [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

// In the pool of servers, too, where it is called by its datacenter.
void agent_force_leave(exchange& x) {
  const std::string node(x.req.tail);
  const bool prune = x.req.has_param("prune");
  const auto& links = x.env.cluster;
  if (!links.lan || links.lan_members->look()->find(node) == nullptr) return x.out.text(500, "agent: No node found with name '" + node + "'");
  if (links.wan) {
    const auto suffix = "." + x.env.config.datacenter;
    caf::anon_send(links.wan, pool_force_leave{node.ends_with(suffix) ? node : node + suffix, prune});
  }
  auto later = x.defer();
  x.env.self->request(links.lan, caf::infinite, pool_force_leave{node, prune})
      .then(
          [later](const agent_done& d) {
            later.answer([&](response& out) {
              if (d.failure.code != errc::none) out.text(500, d.failure.text);
              else out.empty();
            });
          },
          [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

} // namespace actord::http
