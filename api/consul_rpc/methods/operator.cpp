// Operator.*: the Raft configuration, and what autopilot thinks of the servers.
#include "actors/autopilot/autopilot_board.hpp"
#include "actors/members/pool_server.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

rpc::raft_configuration_reply shape(const leader_info& i, const cluster_links& cluster) {
  rpc::raft_configuration_reply out;
  out.index = i.configuration_index;
  for (auto& s : i.servers) out.servers.push_back({s.id, s.name.empty() ? "(unknown)" : s.name, s.address, s.leader, members::server_by_id(cluster.lan_members, s.id).raft_protocol, s.voter});
  return out;
}

void raft_configuration(call& c) {
  rpc::datacenter_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  const bool ask_leader = !r.options.allow_stale;
  c.env.self->request(c.env.router, caf::infinite, leader_query{ask_leader})
      .then([who = c.shared_from_this(), ask_leader](leader_info& i) {
              if (ask_leader && i.leader_id.empty()) who->fail("No cluster leader");
              else who->reply(shape(i, who->env.cluster));
            },
            [who = c.shared_from_this()](caf::error&) { who->fail("No cluster leader"); });
}

void remove_peer(call& c, bool by_id) {
  rpc::raft_remove_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  membership_change m;
  m.what = membership_change::kind::remove;
  (by_id ? m.id : m.address) = by_id ? r.id : r.address;
  if (m.id.empty() && m.address.empty()) return c.fail(std::string(by_id ? "id" : "address") + " \"\" was not found in the Raft configuration");
  c.env.self->request(c.env.router, caf::infinite, std::move(m))
      .then([who = c.shared_from_this()](apply_outcome& o) {
              if (o.result.failure.code != errc::none) who->fail(o.result.failure.text);
              else who->reply(rpc::nothing{});
            },
            [who = c.shared_from_this()](caf::error&) { who->fail("No cluster leader"); });
}
void remove_peer_by_id(call& c) { remove_peer(c, true); }
void remove_peer_by_address(call& c) { remove_peer(c, false); }

void server_health(call& c) {
  rpc::datacenter_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  auto view = c.env.autopilot ? c.env.autopilot->view() : nullptr;
  if (!view || !view->known) return c.fail("No cluster leader");
  rpc::server_health_reply out;
  out.healthy = view->healthy;
  out.failure_tolerance = view->failure_tolerance;
  for (auto& s : view->servers) {
    auto& o = out.servers.emplace_back();
    o.id = s.id;
    o.name = s.name;
    o.address = s.address;
    const auto known = members::server_by_id(c.env.cluster.lan_members, s.id);
    o.serf_status = static_cast<int64_t>(known.status);
    o.version = known.version;
    o.leader = s.leader;
    o.last_contact = s.last_contact_ms < 0 ? nanos(-1) : nanos(std::chrono::milliseconds(s.last_contact_ms)); // as Consul says "never"
    o.last_term = s.last_term;
    o.last_index = s.last_index;
    o.healthy = s.healthy;
    o.voter = s.voter;
    o.stable_since.seconds = s.stable_since;
  }
  c.reply(out);
}

} // namespace

std::span<const method> operator_methods() {
  static constexpr method rows[] = {
      {"Operator.RaftGetConfiguration", raft_configuration},
      {"Operator.RaftRemovePeerByAddress", remove_peer_by_address},
      {"Operator.RaftRemovePeerByID", remove_peer_by_id},
      {"Operator.ServerHealth", server_health},
  };
  return rows;
}

} // namespace actord::consul_rpc
