// /v1/operator/raft/: who replicates the data, and changes of that; and /v1/status/, which tells less of the same.
#include "actors/members/pool_server.hpp"
#include "api/http/handlers/refusal.hpp"
#include "api/http/routes.hpp"
#include <algorithm>

namespace actord::http {
namespace {

// False when the request was answered: bad options, another datacenter.
bool accept(exchange& x) {
  query_options o;
  if (!x.options(o)) return false;
  if (o.datacenter.empty() || o.datacenter == x.env.config.datacenter) return true;
  x.out.text(500, as_server(x.env, "No path to datacenter"));
  return false;
}

// A client agent may know nobody to ask.
std::string_view nobody(const environment& env) {
  if (env.views.has_store() || !env.cluster.lan_members) return "No cluster leader";
  const auto pool = env.cluster.lan_members->look();
  const bool any = std::any_of(pool->members.begin(), pool->members.end(), [](const auto& m) {
    const auto role = m.tags.find("role");
    return m.status == members::member_status::alive && role != m.tags.end() && role->second == "consul";
  });
  return any ? "No cluster leader" : "No known Consul servers";
}

void ask(exchange& x, bool leader, void (*tell)(const environment&, const leader_info&, response&)) {
  auto later = x.defer();
  x.env.self->request(x.env.router, caf::infinite, leader_query{leader})
      .then([later, tell, env = &x.env](leader_info& info) { later.answer([&](response& out) { tell(*env, info, out); }); },
            [later, env = &x.env](caf::error&) { later.answer([&](response& out) { out.text(500, nobody(*env)); }); });
}

void tell_configuration(const environment& env, const leader_info& info, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("Servers");
  w.begin_array();
  for (auto& s : info.servers) {
    w.begin_object();
    w.plain_key("ID"), w.string(s.id);
    w.plain_key("Node"), w.string(s.name.empty() ? "(unknown)" : s.name);
    w.plain_key("Address"), w.string(s.address);
    w.plain_key("Leader"), w.boolean(s.leader);
    w.plain_key("ProtocolVersion"), w.string(members::server_by_id(env.cluster.lan_members, s.id).raft_protocol);
    w.plain_key("Voter"), w.boolean(s.voter);
    w.end_object();
  }
  w.end_array();
  w.plain_key("Index"), w.number(info.configuration_index);
  w.end_object();
}

template <class Request> void change(exchange& x, Request r, void (*done)(response&)) {
  auto later = x.defer();
  x.env.self->request(x.env.router, caf::infinite, std::move(r))
      .then([later, done](apply_outcome& o) {
              later.answer([&](response& out) {
                if (o.result.failure.code != errc::none) out.fail(o.result.failure);
                else done(out);
              });
            },
            [later](caf::error&) { later.answer([](response& out) { out.text(500, "No cluster leader"); }); });
}

} // namespace

void status_leader(exchange& x) {
  if (!accept(x)) return;
  ask(x, false, [](const environment&, const leader_info& info, response& out) {
    auto w = out.begin_json();
    w.string(info.address);
  });
}

void status_peers(exchange& x) {
  if (!accept(x)) return;
  ask(x, false, [](const environment&, const leader_info& info, response& out) {
    auto w = out.begin_json();
    w.begin_array();
    for (auto& s : info.servers) w.string(s.address);
    w.end_array();
  });
}

void operator_raft_configuration(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (!accept(x)) return;
  if (o.mode == consistency::stale) return ask(x, false, tell_configuration);
  ask(x, true, [](const environment& env, const leader_info& info, response& out) {
    if (info.leader_id.empty()) return out.text(500, nobody(env));
    tell_configuration(env, info, out);
  });
}

void operator_raft_peer(exchange& x) {
  if (!accept(x)) return;
  const bool id = x.req.has_param("id"), address = x.req.has_param("address");
  if (!id && !address)
    return x.out.text(400, "Bad request: Must specify either ?id with the server's ID or ?address with IP:port of peer to remove");
  if (id && address) return x.out.text(400, "Bad request: Must specify only one of ?id or ?address");
  membership_change c;
  c.what = membership_change::kind::remove;
  c.id = x.req.param("id");
  c.address = x.req.param("address");
  if (c.id.empty() && c.address.empty())
    return x.out.text(500, as_leader(x.env, std::string(id ? "id" : "address") + " \"\" was not found in the Raft configuration"));
  change(x, std::move(c), [](response& out) { out.empty(); });
}

void operator_transfer_leader(exchange& x) {
  if (!accept(x)) return;
  leadership_transfer t;
  t.to = x.req.param("id");
  change(x, std::move(t), [](response& out) { out.json("{\"Success\":true}"); });
}

} // namespace actord::http
